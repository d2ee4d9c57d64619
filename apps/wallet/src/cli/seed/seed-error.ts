/** Why nothing was seeded; the message is meant for whoever asked for it. */
export class SeedError extends Error {
  override readonly name = 'SeedError';

  constructor(
    readonly code: 'invalid_option' | 'not_empty' | 'in_use' | 'does_not_reconcile',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
