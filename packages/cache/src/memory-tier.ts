import type { Entry } from './entry.js';

export interface MemoryLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/**
 * The in-process tier: a map bounded by bytes and by count. It knows neither time nor policy; it holds what it is given.
 * A hit marks the entry, nothing moves; the sweep that makes room gives marked entries a second chance (CLOCK, Corbató 1968).
 */
export class MemoryTier {
  private readonly entries = new Map<string, Entry>();
  private readonly groups = new Map<string, Set<string>>();
  private readonly tags = new Map<string, Set<string>>();
  private heldBytes = 0;

  constructor(private readonly limits: MemoryLimits) {}

  get size(): number {
    return this.entries.size;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  /** Keeps `entry` in place of the one of its key, and makes room. False: it alone is larger than the whole tier. */
  put(entry: Entry): boolean {
    this.remove(entry.key);
    if (entry.sizeBytes > this.limits.maxBytes || this.limits.maxEntries < 1) return false;
    this.makeRoom(entry.sizeBytes);
    this.entries.set(entry.key, entry);
    this.heldBytes += entry.sizeBytes;
    entry.policy.counters.memory.bytes += entry.sizeBytes;
    for (const group of entry.groups) join(this.groups, group, entry.key);
    for (const tag of entry.tags) join(this.tags, tag, entry.key);
    return true;
  }

  remove(key: string): boolean {
    const entry = this.entries.get(key);
    if (!entry) return false;
    this.entries.delete(key);
    this.heldBytes -= entry.sizeBytes;
    entry.policy.counters.memory.bytes -= entry.sizeBytes;
    for (const group of entry.groups) part(this.groups, group, key);
    for (const tag of entry.tags) part(this.tags, tag, key);
    return true;
  }

  /** Keys of a declared group. Cost: their number. */
  keysOfGroup(group: string): string[] {
    return [...(this.groups.get(group) ?? [])];
  }

  /** Keys that carry `tag`. Cost: their number. */
  keysOfTag(tag: string): string[] {
    return [...(this.tags.get(tag) ?? [])];
  }

  /** Keys that `accepts` takes. Cost: one call an entry. */
  keysWhere(accepts: (key: string) => boolean): string[] {
    return [...this.entries.keys()].filter(accepts);
  }

  clear(): void {
    for (const entry of this.entries.values()) entry.policy.counters.memory.bytes -= entry.sizeBytes;
    this.entries.clear();
    this.groups.clear();
    this.tags.clear();
    this.heldBytes = 0;
  }

  private makeRoom(neededBytes: number): void {
    while (this.entries.size >= this.limits.maxEntries || this.heldBytes + neededBytes > this.limits.maxBytes) {
      const oldest = this.entries.values().next().value;
      if (!oldest) return;
      if (oldest.used) {
        // Re-inserted at the end with its mark cleared, so one pass over the map finds a victim for certain.
        oldest.used = false;
        this.entries.delete(oldest.key);
        this.entries.set(oldest.key, oldest);
        continue;
      }
      this.remove(oldest.key);
      oldest.policy.counters.memory.evictions += 1;
    }
  }
}

function join(index: Map<string, Set<string>>, name: string, key: string): void {
  const members = index.get(name);
  if (members) members.add(key);
  else index.set(name, new Set([key]));
}

function part(index: Map<string, Set<string>>, name: string, key: string): void {
  const members = index.get(name);
  members?.delete(key);
  if (members?.size === 0) index.delete(name);
}
