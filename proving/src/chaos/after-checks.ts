import type { Verdict } from '@dunlin/wallet/demo/verdict';
import { checkAccounts } from '../play/check-accounts.js';
import type { Move, Told } from '../play/move.js';
import { settle } from '../play/settle.js';
import { clientOf, settleWithinMs } from './at-instances.js';
import { checkBadRequests } from './bad-requests.js';
import { checkLedger } from './database-checks.js';
import { checkRaces } from './races.js';
import type { Play, Round } from './round.js';
import { checkSecrets } from './secrets.js';

const hands = 12;
/** So many acknowledged writes are asked again after each fault; the newest, which the fault met. */
const mostAskedAgain = 250;

/** When a fault is over and the load has stopped: everything that was promised, looked at from every instance. */
export async function checkPromises(play: Play, round: Round, verdict: Verdict): Promise<void> {
  await settleUnknown(play, round.unsettled, verdict);
  await askAgain(play, round.told.slice(-mostAskedAgain), verdict);
  await checkRaces(play, verdict);
  await checkBadRequests(play, verdict);
  const clients = play.world.instances.map(({ client }) => client);
  await checkAccounts(clients, play.people, play.books, verdict);
  await checkLedger(play.world.database, verdict);
  await checkSecrets(play, verdict);
}

/** What got no word gets one now, under its own key, from any instance; then the books know of it. */
async function settleUnknown(play: Play, moves: readonly Move[], verdict: Verdict): Promise<void> {
  await byHands(moves, async (move, number) => {
    const told = await settle(() => clientOf(play, number), move, settleWithinMs);
    verdict.expect(
      told !== undefined,
      5,
      () => `${move.route} got no word within ${settleWithinMs} ms after the fault`,
    );
    if (told === undefined) return;
    enter(play, move, told, verdict);
    await sayAgain(play, move, told, number + 1, verdict);
  });
}

/** What was acknowledged is said again, word for word, by whichever instance is asked. */
function askAgain(play: Play, told: Round['told'], verdict: Verdict): Promise<void> {
  return byHands(told, (one, number) => sayAgain(play, one.move, one.told, number, verdict));
}

async function sayAgain(play: Play, move: Move, told: Told, number: number, verdict: Verdict): Promise<void> {
  const again = await settle(() => clientOf(play, number), move, settleWithinMs);
  const same = again?.status === told.status && again.text === told.text;
  // An acknowledged write that is done anew was lost before.
  verdict.expect(
    again === undefined || again.replayed,
    4,
    () =>
      `${move.route} was acknowledged, and is not known any more: ${String(again?.status)} ${again?.text.slice(0, 150) ?? ''}`,
  );
  verdict.expect(
    same,
    5,
    () =>
      `${move.route} was answered with ${told.status} ${told.text.slice(0, 150)}, and again with ${String(again?.status)} ${again?.text.slice(0, 150) ?? 'nothing'}`,
  );
}

/** Enters a word into the books; a refusal was not to be had, since the hand draws nothing that may be refused. */
export function enter(play: Play, move: Move, told: Told, verdict: Verdict): void {
  verdict.expect(told.status < 300, 0, () => `${move.route} was refused: ${told.text.slice(0, 200)}`);
  if (told.status >= 300) return;
  play.books.acknowledge(move, told);
  play.hand.learn(move, told);
}

async function byHands<Item>(
  items: readonly Item[],
  work: (item: Item, number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const hand = async (): Promise<void> => {
    for (; next < items.length;) {
      const number = next;
      next += 1;
      await work(items[number] as Item, number);
    }
  };
  await Promise.all(Array.from({ length: hands }, hand));
}
