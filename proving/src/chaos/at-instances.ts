import { randomUUID } from 'node:crypto';
import type { HttpClient } from '@dunlin/wallet/demo/http-client';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import { attempt, type Move, type Told } from '../play/move.js';
import { settle } from '../play/settle.js';
import type { Play } from './round.js';

/** So long may it take, after a fault, until an operation gets a word. */
export const settleWithinMs = 60_000;

/** The instances in turn. */
export function clientOf({ world }: Play, number: number): HttpClient {
  return (world.instances[number % world.instances.length] as (typeof world.instances)[number]).client;
}

/** A move of the checks themselves, with a key of its own. */
export function moveOf(play: Play, move: Pick<Move, 'kind' | 'path' | 'body' | 'by'> & Partial<Move>): Move {
  return { route: `POST ${move.path}`, key: `${play.mark}-${randomUUID()}`, ...move };
}

/** Sends a move until it has a word, and enters it; undefined when it was refused or got none. */
export async function carry(play: Play, move: Move, verdict: Verdict): Promise<Told | undefined> {
  const told = await settle(() => clientOf(play, 0), move, settleWithinMs);
  verdict.expect(
    told !== undefined && told.status < 300,
    0,
    () => `${move.route} of a check came to ${told?.text ?? 'nothing'}`,
  );
  if (told === undefined || told.status >= 300) return undefined;
  play.books.acknowledge(move, told);
  return told;
}

/** Tries each once at the same moment, on one instance after another; whatever got no word is settled afterwards. */
export function atOnce(play: Play, moves: readonly Move[]): Promise<(Told | undefined)[]> {
  return Promise.all(
    moves.map(async (move, number) => {
      const client = clientOf(play, number);
      const outcome = await attempt(client, move);
      return outcome.kind === 'unknown' ? settle(() => client, move, settleWithinMs) : outcome.told;
    }),
  );
}
