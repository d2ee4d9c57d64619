import { tagText } from './envelope.js';

/** Keys in one of the two maps; a key in it weighs some 100 bytes. */
const halfCapacity = 25_000;
/** Different lists that are kept once for all keys that carry them. */
const maxLists = 1_000;

/** The tags of a value with what a read needs of them, made once for all values that carry the same. */
export interface TagList {
  readonly tags: readonly string[];
  /** As they stand in a value. */
  readonly text: string;
  /** Names of their generations in Redis. */
  readonly names: readonly string[];
}

/**
 * Which tags the keys of this process carried when they were last seen, so that a read can ask for the tags' generations together with
 * the value. A guess and no more: what the value itself says decides, and a wrong guess costs a second round trip.
 *
 * Bounded: when the younger of two maps is full it becomes the older, and what the older held and nobody asked for meanwhile is forgotten.
 */
export class KnownTags {
  readonly none: TagList = { tags: [], text: '', names: [] };
  private younger = new Map<string, TagList>();
  private older = new Map<string, TagList>();
  private lists = new Map<string, TagList>();

  constructor(private readonly nameOf: (tag: string) => string) {}

  /** The tags that `key` is likely to carry. */
  of(key: string): TagList {
    const known = this.younger.get(key);
    if (known) return known;
    const aged = this.older.size > 0 ? this.older.get(key) : undefined;
    if (aged) this.put(key, aged);
    return aged ?? this.none;
  }

  note(key: string, tags: readonly string[]): void {
    if (tags.length > 0) return this.put(key, this.listOf(tags));
    this.younger.delete(key);
    this.older.delete(key);
  }

  /** The list of just these tags. */
  listOf(tags: readonly string[]): TagList {
    const [only] = tags;
    if (only === undefined) return this.none;
    const id = tags.length === 1 ? only : tags.join('\n');
    const known = this.lists.get(id);
    if (known) return known;
    if (this.lists.size >= maxLists) this.lists = new Map();
    const list = { tags: [...tags], text: tagText(tags), names: tags.map(this.nameOf) };
    this.lists.set(id, list);
    return list;
  }

  private put(key: string, list: TagList): void {
    if (this.younger.size >= halfCapacity) {
      this.older = this.younger;
      this.younger = new Map();
    }
    this.younger.set(key, list);
  }
}
