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
    for (const group of entry.groups) this.join(group, entry.key);
    for (const tag of entry.tags) this.join(tagGroup(tag), entry.key);
    return true;
  }

  remove(key: string): boolean {
    const entry = this.entries.get(key);
    if (!entry) return false;
    this.entries.delete(key);
    this.heldBytes -= entry.sizeBytes;
    entry.policy.counters.memory.bytes -= entry.sizeBytes;
    for (const group of entry.groups) this.part(group, key);
    for (const tag of entry.tags) this.part(tagGroup(tag), key);
    return true;
  }

  /** Keys of a declared group. Cost: their number. */
  keysOfGroup(group: string): string[] {
    return [...(this.groups.get(group) ?? [])];
  }

  /** Keys that carry `tag`. Cost: their number. */
  keysOfTag(tag: string): string[] {
    return [...(this.groups.get(tagGroup(tag)) ?? [])];
  }

  /** Keys that `accepts` takes. Cost: one call an entry. */
  keysWhere(accepts: (key: string) => boolean): string[] {
    return [...this.entries.keys()].filter(accepts);
  }

  clear(): void {
    for (const entry of this.entries.values()) entry.policy.counters.memory.bytes -= entry.sizeBytes;
    this.entries.clear();
    this.groups.clear();
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

  private join(group: string, key: string): void {
    const members = this.groups.get(group);
    if (members) members.add(key);
    else this.groups.set(group, new Set([key]));
  }

  private part(group: string, key: string): void {
    const members = this.groups.get(group);
    members?.delete(key);
    if (members?.size === 0) this.groups.delete(group);
  }
}

/** Tags and prefixes share one index; the leading NUL keeps a tag from being taken for a prefix. */
function tagGroup(tag: string): string {
  return `\u0000${tag}`;
}
