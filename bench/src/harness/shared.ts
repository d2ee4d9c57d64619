import type { BenchContext, Closable } from './suite.js';

/** Keeps what questions share: each function opens once, and all is closed in reverse order. */
export class SharedThings {
  private readonly opened = new Map<unknown, Promise<Closable>>();

  open<Opened extends Closable>(
    open: (context: BenchContext) => Promise<Opened>,
    context: BenchContext,
  ): Promise<Opened> {
    let found = this.opened.get(open) as Promise<Opened> | undefined;
    if (found === undefined) {
      found = open(context);
      this.opened.set(open, found);
    }
    return found;
  }

  async close(): Promise<void> {
    const all = [...this.opened.values()].reverse();
    this.opened.clear();
    // What could not be opened has told those who asked for it.
    for (const one of all) await (await one.catch(() => undefined))?.close();
  }
}
