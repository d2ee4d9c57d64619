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
  idempotency_key_in_flight: {
    status: 409,
    detail: 'A request with this Idempotency-Key is still running; try again.',
  },
  idempotency_key_reused: { status: 422, detail: 'This Idempotency-Key was used for another request.' },
};

type Refused = Extract<OperationOutcome, { kind: 'refused' }>;

/** A ledger's refusal as the problem that the contract names; a token's refusal names the tokens. */
export function refusalProblem(refused: Refused): Problem {
  const { status, detail } = refusals[refused.code];
  return new Problem(
    status,
    refused.code,
    detail,
    refused.tokenIds === undefined ? {} : { extensions: { ids: refused.tokenIds } },
  );
}
