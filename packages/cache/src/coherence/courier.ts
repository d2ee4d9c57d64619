/**
 * Sends messages one statement at a time and lets what comes meanwhile travel together: a batch of confirmations costs what
 * one does, and with little to do nothing waits. At the limit the oldest are dropped: messages are only the quicker way.
 */
export class Courier<Item> {
  private waiting: Item[] = [];
  private running: Promise<void> | undefined;

  constructor(
    private readonly encode: (items: readonly Item[]) => readonly string[],
    private readonly send: (message: string) => Promise<void>,
    private readonly onError: (error: unknown) => void,
    private readonly limit = 10_000,
  ) {}

  post(item: Item): void {
    if (this.waiting.length >= this.limit) this.waiting.shift();
    this.waiting.push(item);
    this.running ??= this.drain();
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async drain(): Promise<void> {
    // What the same tick posts goes with the first message.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        for (const message of this.encode(batch)) await this.send(message);
      } catch (error) {
        this.onError(error);
      }
    }
    this.running = undefined;
  }
}
