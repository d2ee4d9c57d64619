import type { OperationOutcome, RefusalCode } from '../ledger/operation.js';
import { Problem } from './problem.js';

const refusals: Readonly<Record<RefusalCode, { status: number; detail: string }>> = {
  account_closed: { status: 403, detail: 'This account is closed.' },
  account_frozen: { status: 403, detail: 'This account is frozen: it may read, but not move money.' },
  receiver_not_found: { status: 422, detail: 'There is no such receiver.' },
  user_not_found: { status: 422, detail: 'There is no such user.' },
  insufficient_funds: { status: 422, detail: 'The available balance does not cover this amount.' },
  token_not_found: { status: 404, detail: 'At least one of these tokens is not yours.' },
  token_not_active: { status: 409, detail: 'At least one of these tokens is no longer active.' },
  reference_used: { status: 409, detail: 'This reference was used before.' },
  reference_in_flight: { status: 409, detail: 'An operation with this reference is still running; try again.' },
  hold_not_found: { status: 404, detail: 'You have no such hold.' },
  hold_not_open: { status: 409, detail: 'This hold was captured, released, or has lapsed.' },
  hold_expired: { status: 409, detail: 'This hold has expired and can no longer be captured.' },
  hold_not_expired: { status: 409, detail: 'This hold has not expired yet.' },
  hold_is_binding: {
    status: 403,
    detail: 'This hold is binding: its receiver or an operator may release it, or it lapses.',
  },
  payer_frozen: { status: 409, detail: 'The account of the payer is frozen or closed; this cannot be captured now.' },
  already_reversed: { status: 409, detail: 'This transfer was reversed before.' },
  idempotency_key_in_flight: {
    status: 409,
    detail: 'A request with this Idempotency-Key is still running; try again.',
  },
  idempotency_key_reused: { status: 422, detail: 'This Idempotency-Key was used for another request.' },
};

type Refused = Extract<OperationOutcome, { kind: 'refused' }>;

/** What is over by itself soon: whoever asks again then learns how it ended. */
const passing: ReadonlySet<RefusalCode> = new Set(['idempotency_key_in_flight', 'reference_in_flight']);
const passesInSeconds = 1;

/** A ledger's refusal as the problem that the contract names; a token's refusal names the tokens. */
export function refusalProblem(refused: Refused): Problem {
  const { status, detail } = refusals[refused.code];
  return new Problem(status, refused.code, detail, {
    ...(refused.tokenIds === undefined ? {} : { extensions: { ids: refused.tokenIds } }),
    ...(passing.has(refused.code) ? { retryAfterSeconds: passesInSeconds } : {}),
  });
}
