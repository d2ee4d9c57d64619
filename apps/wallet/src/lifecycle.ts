/** What was opened, to be closed in reverse order. Who opens something says at once how it ends. */
export class Lifecycle {
  private readonly closers: { name: string; close: () => Promise<unknown> | void }[] = [];
  private closing: Promise<void> | undefined;

  onClose(name: string, close: () => Promise<unknown> | void): void {
    this.closers.push({ name, close });
  }

  /** Closes everything, the last opened first; may be called twice. One that fails does not keep the others open. */
  close(onError: (name: string, error: unknown) => void): Promise<void> {
    this.closing ??= this.closeAll(onError);
    return this.closing;
  }

  private async closeAll(onError: (name: string, error: unknown) => void): Promise<void> {
    for (const { name, close } of this.closers.reverse()) {
      try {
        await close();
      } catch (error) {
        onError(name, error);
      }
    }
  }
}
