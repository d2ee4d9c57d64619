/** A query was asked with something it cannot use; the message names the option, what was given and what is allowed. */
export class InvalidQueryOption extends Error {
  override readonly name = 'InvalidQueryOption';
  readonly code = 'invalid_query_option';

  constructor(
    readonly option: string,
    /** What is wrong with it, as the end of a sentence. */
    readonly reason: string,
  ) {
    super(`${option}: ${reason}`);
  }
}
