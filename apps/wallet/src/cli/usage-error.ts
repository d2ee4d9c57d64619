/** The command line asks for something that there is not, which only shows when the options are seen together. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
