/** The demo cannot go on for a reason that whoever started it can mend; the message says which. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}
