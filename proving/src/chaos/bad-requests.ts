import { randomUUID } from 'node:crypto';
import type { Answer, Call } from '@dunlin/wallet/demo/http-client';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import type { Person } from '../play/person.js';
import { clientOf } from './at-instances.js';
import type { Play } from './round.js';

interface BadRequest {
  readonly status: number;
  readonly code?: string;
  readonly call: Call;
}

/** What must be refused, in every way that a client errs. None of it may change anything, which the accounts show afterwards. */
function badRequests({ people, mark }: Play): BadRequest[] {
  const [one, other] = people as readonly [Person, Person];
  const token = one.accessToken;
  const key = (): Record<string, string> => ({ 'idempotency-key': `${mark}-${randomUUID()}` });
  const transfer = (body: unknown, headers: Record<string, string>): Call => ({
    ...{ method: 'POST', path: '/wallet/transfers', token, body, headers },
  });
  const good = { receiverId: other.id, amount: '1' };
  return [
    { status: 400, call: transfer({ ...good, amount: '-1' }, key()) },
    { status: 400, call: transfer({ ...good, amount: 1 }, key()) },
    { status: 400, call: transfer({ ...good, amount: '1.5' }, key()) },
    { status: 400, call: transfer({ ...good, [mark]: true }, key()) },
    { status: 400, call: transfer({ amount: '1' }, key()) },
    { status: 400, call: transfer({ ...good, receiverId: mark }, key()) },
    { status: 400, code: 'idempotency_key_required', call: transfer(good, {}) },
    { status: 422, code: 'same_account', call: transfer({ ...good, receiverId: one.id }, key()) },
    { status: 422, code: 'receiver_not_found', call: transfer({ ...good, receiverId: randomUUID() }, key()) },
    { status: 422, code: 'insufficient_funds', call: transfer({ ...good, amount: '900000000000000' }, key()) },
    { status: 401, call: { method: 'GET', path: '/wallet/balance', token: `${mark}.${mark}.${mark}` } },
    { status: 401, call: { method: 'GET', path: '/wallet/balance' } },
    { status: 400, call: { method: 'GET', path: `/wallet/transactions?type=${mark}`, token } },
    {
      status: 403,
      call: {
        method: 'POST',
        path: '/admin/deposits',
        token,
        headers: key(),
        body: { userId: one.id, amount: '5', reference: mark },
      },
    },
  ];
}

export async function checkBadRequests(play: Play, verdict: Verdict): Promise<void> {
  for (const [number, { status, code, call }] of badRequests(play).entries()) {
    const answer = await clientOf(play, number).send(call);
    verdict.expect(
      isProblem(answer, status, code),
      9,
      () =>
        `${call.method} ${call.path.split('?')[0]} should be refused with ${status} ${code ?? ''}, and came to ${answer.status} ${answer.text.slice(0, 150)}`,
    );
  }
}

/** Whether a refusal is what the contract says: a problem document with the status and, if given, the code. */
export function isProblem({ status, headers, text }: Answer, wanted: number, code: string | undefined): boolean {
  if (status !== wanted || !String(headers['content-type']).startsWith('application/problem+json')) return false;
  const problem = JSON.parse(text) as Record<string, unknown>;
  const named = typeof problem['title'] === 'string' && typeof problem['code'] === 'string';
  return named && problem['status'] === wanted && (code === undefined || problem['code'] === code);
}
