/** Keys in one of the two maps; a key and its list of tags weigh some 100 bytes. */
const halfCapacity = 25_000;
/** Different lists that are kept once for all keys that carry them. */
const maxLists = 1_000;

/**
 * Which tags the keys of this process carried when they were last seen, so that a read can ask for the tags' generations together with
 * the value. A guess and no more: what the value itself says decides, and a wrong guess costs a second round trip.
 *
 * Bounded: when the younger of two maps is full it becomes the older, and what the older held and nobody asked for meanwhile is forgotten.
 */
export class KnownTags {
  private younger = new Map<string, readonly string[]>();
  private older = new Map<string, readonly string[]>();
  private lists = new Map<string, readonly string[]>();

  of(key: string): readonly string[] | undefined {
    const tags = this.younger.get(key);
    if (tags || this.older.size === 0) return tags;
    const aged = this.older.get(key);
    if (aged) this.put(key, aged);
    return aged;
  }

  note(key: string, tags: readonly string[]): void {
    if (tags.length > 0) this.put(key, this.shared(tags));
    else if (this.younger.delete(key) || this.older.size > 0) this.older.delete(key);
  }

  private put(key: string, tags: readonly string[]): void {
    if (this.younger.size >= halfCapacity) {
      this.older = this.younger;
      this.younger = new Map();
    }
    this.younger.set(key, tags);
  }

  /** Most keys carry one of a few lists. */
  private shared(tags: readonly string[]): readonly string[] {
    const name = tags.join('\n');
    const known = this.lists.get(name);
    if (known) return known;
    if (this.lists.size >= maxLists) this.lists = new Map();
    const list = [...tags];
    this.lists.set(name, list);
    return list;
  }
}
