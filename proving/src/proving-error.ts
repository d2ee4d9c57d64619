/** A run cannot be carried out for a reason that whoever started it can mend; the message says which. */
export class ProvingError extends Error {
  override readonly name = 'ProvingError';
}
