/** The ledger cannot be used with these settings; the message says what to change. */
export class LedgerSetupError extends Error {
  override readonly name = 'LedgerSetupError';
}

/** A call named a transition that tokens do not have, or that needs more than a change of status; nothing was changed. */
export class IllegalTokenTransition extends Error {
  override readonly name = 'IllegalTokenTransition';
  readonly code = 'illegal_token_transition';
}
