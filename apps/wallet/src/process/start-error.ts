/** The wallet cannot start, for a reason that whoever starts it can mend; the message says how. */
export class StartError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StartError';
  }
}
