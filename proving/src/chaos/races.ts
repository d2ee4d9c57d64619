import type { Verdict } from '@dunlin/wallet/demo/verdict';
import { codeOf, type Move } from '../play/move.js';
import type { Person } from '../play/person.js';
import { atOnce, carry, clientOf, moveOf } from './at-instances.js';
import type { Play } from './round.js';

const presenters = 5;
const debits = 6;
const debitsThatFit = 3n;

/** What racing requests must come to, on all instances at once. */
export async function checkRaces(play: Play, verdict: Verdict): Promise<void> {
  const [poor, rich] = play.people.slice(-2) as [Person, Person];
  await raceForOneToken(play, rich, verdict);
  await raceForOneBalance(play, poor, rich, verdict);
  await raceUnderOneKey(play, rich, poor, verdict);
}

/** One token, presented by several at once in every way there is: to be redeemed, to be divided, and passed on. One gets it. */
async function raceForOneToken(play: Play, owner: Person, verdict: Verdict): Promise<void> {
  const amountMinor = 10n;
  const bought = await carry(
    play,
    moveOf(play, { kind: 'buy', path: '/tokens/purchase', by: owner, body: { amount: '10', denominations: ['10'] } }),
    verdict,
  );
  if (bought === undefined) return;
  const token = (JSON.parse(bought.text) as { tokens: { token: string }[] }).tokens[0]?.token ?? '';
  const presented = [{ compact: token, amountMinor }];
  const receiver = play.people[0] as Person;
  const transfer = await owner.device.pay(token, receiver.device, amountMinor);
  const moves: Move[] = Array.from({ length: presenters }, () =>
    moveOf(play, { kind: 'redeem', path: '/tokens/redeem', by: owner, body: { tokens: [token] }, presented }),
  );
  moves.push(
    moveOf(play, {
      ...{ kind: 'sync', path: '/tokens/sync', by: receiver, body: { transfers: [transfer], redeem: true } },
      passed: [{ fromId: owner.id, toId: receiver.id, amountMinor }],
    }),
  );
  const told = await atOnce(play, moves);
  const winners = told.filter((one) => one !== undefined && one.status < 300 && !one.text.includes('"rejected"'));
  verdict.expect(
    winners.length === 1,
    3,
    () => `a token that ${moves.length} presented at once was taken ${winners.length} times`,
  );
  for (const [at, one] of told.entries()) {
    if (one === undefined || one.status >= 300)
      verdict.expect(
        one?.status === 409 && codeOf(one.text) === 'token_not_active',
        3,
        () => `a presenter who came too late was told ${String(one?.status)} ${one?.text.slice(0, 150) ?? 'nothing'}`,
      );
    else play.books.acknowledge(moves[at] as Move, one);
  }
}

/** A balance that three debits fit into, debited six times at once. */
async function raceForOneBalance(play: Play, poor: Person, rich: Person, verdict: Verdict): Promise<void> {
  const { available } = play.books.of(poor.id);
  const amount = available / debitsThatFit;
  if (amount < debitsThatFit) return;
  const pay = (by: Person, to: Person, money: bigint): Move =>
    moveOf(play, {
      ...{ kind: 'transfer', path: '/wallet/transfers', by },
      body: { receiverId: to.id, amount: money.toString(), note: play.mark },
    });
  const moves = Array.from({ length: debits }, () => pay(poor, rich, amount));
  const told = await atOnce(play, moves);
  const done = told.filter((one) => one !== undefined && one.status < 300);
  verdict.expect(
    done.length === Number(debitsThatFit),
    2,
    () =>
      `of ${debits} debits of ${amount} on a balance of ${available}, ${done.length} succeeded and not ${debitsThatFit}`,
  );
  for (const [at, one] of told.entries())
    if (one !== undefined && one.status < 300) play.books.acknowledge(moves[at] as Move, one);
  await carry(play, pay(rich, poor, amount * BigInt(done.length)), verdict);
}

/** One request, sent to every instance at once: one effect, one answer; and another body under its key is refused. */
async function raceUnderOneKey(play: Play, by: Person, to: Person, verdict: Verdict): Promise<void> {
  const body = { receiverId: to.id, amount: '7' };
  const move = moveOf(play, { kind: 'transfer', path: '/wallet/transfers', by, body });
  const told = await atOnce(
    play,
    play.world.instances.flatMap(() => [move, move]),
  );
  const texts = new Set(told.map((one) => `${String(one?.status)} ${one?.text ?? 'nothing'}`));
  verdict.expect(
    texts.size === 1,
    5,
    () => `one request got ${texts.size} answers: ${[...texts].join(' and ').slice(0, 300)}`,
  );
  const first = told[0];
  if (first !== undefined && first.status < 300) play.books.acknowledge(move, first);
  const answer = await clientOf(play, 1).send({
    ...{ method: 'POST', path: move.path, token: by.accessToken },
    body: { ...body, amount: '8' },
    headers: { 'idempotency-key': move.key },
  });
  verdict.expect(
    answer.status === 422 && codeOf(answer.text) === 'idempotency_key_reused',
    5,
    () => `another body under a used key was answered with ${answer.status} ${answer.text.slice(0, 150)}`,
  );
}
