import type { KeyClasses } from '../key-class.js';

/** Names of everything about one cache key in Redis. All carry the same hash tag, so a script may touch them together on a cluster. */
export interface KeyNames {
  readonly entry: string;
  readonly fence: string;
  readonly lease: string;
  readonly index: string;
  readonly generations: readonly string[];
}

/** Makes Redis names: `<namespace>:{<slot>}:<kind>:<key>`. */
export class RedisKeys {
  readonly bus: string;
  readonly filled: string;

  constructor(
    readonly namespace: string,
    private readonly classes: KeyClasses,
  ) {
    this.bus = `${namespace}:bus`;
    this.filled = `${namespace}:filled`;
  }

  of(key: string): KeyNames {
    const slot = this.slot(key);
    return {
      entry: `${slot}e:${key}`,
      fence: `${slot}f:${key}`,
      lease: `${slot}l:${key}`,
      index: `${slot}i`,
      generations: this.classes.groupsOf(key).map((group) => `${slot}g:${group}`),
    };
  }

  /** What a read asks for: the entry, then the generations of its groups. */
  ofRead(key: string): readonly string[] {
    const slot = this.slot(key);
    const names = [`${slot}e:${key}`];
    for (const group of this.classes.groupsOf(key)) names.push(`${slot}g:${group}`);
    return names;
  }

  /** The group's generation, its index, and what stands in front of its members' names. */
  ofGroup(group: string): { generation: string; index: string; entryPrefix: string } {
    const slot = this.slot(group);
    return { generation: `${slot}g:${group}`, index: `${slot}i`, entryPrefix: `${slot}e:` };
  }

  ofTag(tag: string): string {
    return `${this.namespace}:{t:${braceless(tag)}}:t:${tag}`;
  }

  /** A glob over the names of entries and of fences: a load under way may have no entry yet, and must not get one. */
  scanGlob(glob: string): string {
    return `${escapeGlob(this.namespace)}:{*}:[ef]:${glob}`;
  }

  /** The cache key of an entry's or a fence's name. */
  keyOf(name: string): string {
    const at = name.search(/\}:[ef]:/);
    return name.slice(at + 4);
  }

  private slot(key: string): string {
    return `${this.namespace}:{${braceless(this.classes.slotOf(key))}}:`;
  }
}

/** A brace inside a hash tag would end it early, and keys of one group could part. */
function braceless(part: string): string {
  return part.replace(/[{}]/g, '_') || '_';
}

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}
