/**
 * Which keys go by a name: the members of a group, or those that carry a tag. Most groups hold one key, which then stands there by
 * itself: a set for each would take more memory than the key, and more time than everything else that is done for an entry.
 */
export class NameIndex {
  private readonly members = new Map<string, string | Set<string>>();

  add(name: string, key: string): void {
    const held = this.members.get(name);
    if (held === undefined) this.members.set(name, key);
    else if (typeof held !== 'string') held.add(key);
    else if (held !== key) this.members.set(name, new Set([held, key]));
  }

  remove(name: string, key: string): void {
    const held = this.members.get(name);
    if (held === undefined) return;
    if (typeof held === 'string') {
      if (held === key) this.members.delete(name);
      return;
    }
    held.delete(key);
    if (held.size === 0) this.members.delete(name);
  }

  /** The keys of `name`. Cost: their number. */
  of(name: string): string[] {
    const held = this.members.get(name);
    if (held === undefined) return [];
    return typeof held === 'string' ? [held] : [...held];
  }

  /** The keys of `name`, which has none afterwards. */
  take(name: string): string[] {
    const keys = this.of(name);
    this.members.delete(name);
    return keys;
  }

  clear(): void {
    this.members.clear();
  }
}
