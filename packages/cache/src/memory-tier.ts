import type { Entry } from './entry.js';
import { NameIndex } from './name-index.js';

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
  private readonly groups = new NameIndex();
  private readonly tags = new NameIndex();
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
    for (const group of entry.groups) this.groups.add(group, entry.key);
    for (const tag of entry.tags) this.tags.add(tag, entry.key);
    return true;
  }

  remove(key: string): boolean {
    const entry = this.entries.get(key);
    if (!entry) return false;
    this.drop(entry);
    return true;
  }

  /** Removes everything of a declared group and gives it back. Cost: their number. */
  takeGroup(group: string): Entry[] {
    return this.takeAll(this.groups.take(group));
  }

  /** Removes everything whose key `accepts` takes and gives it back. Cost: one call an entry. */
  takeWhere(accepts: (key: string) => boolean): Entry[] {
    return this.takeAll(this.keysWhere(accepts));
  }

  /** Removes everything that carries `tag` and gives it back. Cost: their number. */
  takeTag(tag: string): Entry[] {
    return this.takeAll(this.tags.take(tag));
  }

  /** Keys of a declared group. Cost: their number. */
  keysOfGroup(group: string): string[] {
    return this.groups.of(group);
  }

  /** Keys that carry `tag`. Cost: their number. */
  keysOfTag(tag: string): string[] {
    return this.tags.of(tag);
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

  private takeAll(keys: readonly string[]): Entry[] {
    const taken: Entry[] = [];
    for (const key of keys) {
      const entry = this.entries.get(key);
      if (!entry) continue;
      this.drop(entry);
      taken.push(entry);
    }
    return taken;
  }

  private drop(entry: Entry): void {
    const { key, groups, tags, sizeBytes } = entry;
    this.entries.delete(key);
    this.heldBytes -= sizeBytes;
    entry.policy.counters.memory.bytes -= sizeBytes;
    for (let at = 0; at < groups.length; at += 1) this.groups.remove(groups[at] ?? '', key);
    for (let at = 0; at < tags.length; at += 1) this.tags.remove(tags[at] ?? '', key);
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
      this.drop(oldest);
      oldest.policy.counters.memory.evictions += 1;
    }
  }
}
