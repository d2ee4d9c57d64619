/** Things that wait to be sent, oldest first, at most so many: what finds no room is dropped and counted. */
export class BoundedQueue<Item> {
  dropped = 0;
  readonly #capacity: number;
  #items: Item[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: Item): void {
    if (this.#items.length < this.#capacity) this.#items.push(item);
    else this.dropped += 1;
  }

  take(most: number): Item[] {
    return this.#items.splice(0, most);
  }

  /** What could not be sent goes back to the front, as far as there is room. */
  putBack(items: readonly Item[]): void {
    const room = Math.max(0, this.#capacity - this.#items.length);
    this.dropped += Math.max(0, items.length - room);
    this.#items = [...items.slice(0, room), ...this.#items];
  }
}
