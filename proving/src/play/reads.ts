import type { Answer, HttpClient } from '@dunlin/wallet/demo/http-client';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import { codeOf, reasonOf } from './move.js';
import type { Person } from './person.js';
import type { PlayBooks } from './play-books.js';

export const readKinds = ['balance', 'history', 'tokens', 'keys'] as const;
export type ReadKind = (typeof readKinds)[number];

/** What became of a read. A failed one says nothing; whether a whole answer was right is the verdict's. */
export type ReadOutcome =
  { readonly kind: 'answered'; readonly answer: Answer } | { readonly kind: 'failed'; readonly why: string };

const paths: Readonly<Record<ReadKind, string>> = {
  balance: '/wallet/balance',
  history: '/wallet/transactions?limit=20',
  tokens: '/tokens?status=active&limit=20',
  keys: '/public-keys?limit=50',
};

/** The label under which figures of the read are kept. */
export const routeOf = (kind: ReadKind): string => `GET ${paths[kind].split('?')[0]}`;

/** The demo's word for an answer that breaks no promise and is wrong all the same. */
const wrong = 0;

/**
 * Reads once, and holds a whole answer against the books. The floor is taken before the request leaves, so that what was acknowledged by
 * then, by whichever instance, must be in it. Never rejects.
 */
export async function read(
  client: HttpClient,
  kind: ReadKind,
  person: Person,
  judge: { books: PlayBooks; verdict: Verdict },
): Promise<ReadOutcome> {
  const floor = judge.books.of(person.id).version;
  let answer: Answer;
  try {
    answer = await client.send({ method: 'GET', path: paths[kind], token: person.accessToken });
  } catch (error) {
    return { kind: 'failed', why: reasonOf(error) };
  }
  if (answer.status !== 200) return { kind: 'failed', why: `${answer.status} ${codeOf(answer.text)}` };
  const body = JSON.parse(answer.text) as Bodies;
  if (kind === 'balance') judgeBalance(body, person, floor, judge.verdict);
  if (kind === 'history') judgeHistory(body, person, judge.verdict);
  if (kind === 'tokens')
    judge.verdict.expect(
      Array.isArray(body.data) && body.data.every(({ status }) => status === 'active'),
      wrong,
      () => `GET /tokens?status=active shows a token that is not active`,
    );
  if (kind === 'keys')
    judge.verdict.expect(Array.isArray(body.keys) && body.keys.length > 0, wrong, () => 'there are no public keys');
  return { kind: 'answered', answer };
}

interface Bodies {
  available: string;
  offline: string;
  pending: string;
  total: string;
  version: number;
  data: { status: string; senderId: string | null; receiverId: string | null; createdAt: string }[];
  keys: unknown[];
}

function judgeBalance(body: Bodies, { id }: Person, floor: number, verdict: Verdict): void {
  const { available, offline, pending, total, version } = body;
  verdict.expect(
    version >= floor,
    6,
    () => `balance of ${id} was shown at version ${version}; ${floor} operations were acknowledged before it was asked`,
  );
  const sum = BigInt(available) + BigInt(offline) + BigInt(pending);
  verdict.expect(sum === BigInt(total), 1, () => `total ${total} is not the sum ${sum} of its parts`);
  for (const [name, amount] of Object.entries({ available, offline, pending }))
    verdict.expect(BigInt(amount) >= 0n, 2, () => `${name} of ${id} is ${amount}`);
}

function judgeHistory({ data }: Bodies, { id }: Person, verdict: Verdict): void {
  verdict.expect(
    data.every(({ senderId, receiverId }) => senderId === id || receiverId === id),
    wrong,
    () => `a foreign transaction in the history of ${id}`,
  );
  verdict.expect(
    data.every((one, at) => at === 0 || (data[at - 1]?.createdAt ?? '') >= one.createdAt),
    wrong,
    () => `the history of ${id} is not newest first`,
  );
  // Everybody has had the opening deposit.
  verdict.expect(data.length > 0, 6, () => `the history of ${id} is empty`);
}
