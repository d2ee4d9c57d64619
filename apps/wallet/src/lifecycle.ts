/** What was opened, to be closed in reverse order. Who opens something says at once how it ends. */
export class Lifecycle {
  private readonly closers: { name: string; close: () => Promise<unknown> | void }[] = [];
  private closing: Promise<void> | undefined;

  constructor(private readonly onError: (name: string, error: unknown) => void) {}

  onClose(name: string, close: () => Promise<unknown> | void): void {
    this.closers.push({ name, close });
  }

  /** Closes everything, the last opened first; may be called twice. One that fails does not keep the others open. */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async closeAll(): Promise<void> {
    for (const { name, close } of this.closers.reverse()) {
      try {
        await close();
      } catch (error) {
        this.onError(name, error);
      }
    }
  }
}
