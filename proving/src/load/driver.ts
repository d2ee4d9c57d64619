import type { HttpClient } from '@dunlin/wallet/demo/http-client';
import type { Random } from '@dunlin/wallet/demo/random';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import type { Hand } from '../play/hand.js';
import { attempt, type Attempt, type Move } from '../play/move.js';
import type { PlayBooks } from '../play/play-books.js';
import { read, routeOf, type ReadKind } from '../play/reads.js';
import type { Ending } from './figures.js';
import type { Scenario } from './scenario.js';

export interface DriverOptions {
  readonly scenario: Pick<Scenario, 'readPercent' | 'reads'>;
  readonly random: Random;
  readonly hand: Hand;
  readonly books: PlayBooks;
  readonly verdict: Verdict;
  /** Hears of every attempt of a move. */
  onAttempt?(move: Move, outcome: Attempt): void;
}

/** One request after another, as the scenario draws them, each judged. */
export class Driver {
  /** Moves without a final answer, to be settled when the load is over. */
  readonly unsettled: Move[] = [];
  readonly #options: DriverOptions;
  readonly #reads: readonly (readonly [ReadKind, number])[];

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#reads = Object.entries(options.scenario.reads) as [ReadKind, number][];
  }

  /** Draws one request and sends it there. Never rejects. */
  async once(client: HttpClient): Promise<{ route: string; ending: Ending }> {
    const { random, scenario, verdict } = this.#options;
    const brokenBefore = verdict.broken;
    const { route, ending } =
      random() * 100 < scenario.readPercent
        ? await this.#read(client)
        : await this.#move(client, await this.#options.hand.next());
    // Requests overlap, so the finding may be a neighbour's; wrong answers are counted by the verdict, which this only reflects.
    if (ending.kind === 'right' && verdict.broken > brokenBefore)
      return { route, ending: { kind: 'wrong', why: verdict.kept.at(-1)?.what ?? 'a wrong answer' } };
    return { route, ending };
  }

  async #read(client: HttpClient): Promise<{ route: string; ending: Ending }> {
    const { random, hand, books, verdict } = this.#options;
    const total = this.#reads.reduce((sum, [, weight]) => sum + weight, 0);
    let left = random() * total;
    const kind = this.#reads.find(([, weight]) => (left -= weight) < 0)?.[0] ?? 'balance';
    const outcome = await read(client, kind, hand.anybody(), { books, verdict });
    const ending: Ending = outcome.kind === 'failed' ? outcome : { kind: 'right' };
    return { route: routeOf(kind), ending };
  }

  async #move(client: HttpClient, move: Move): Promise<{ route: string; ending: Ending }> {
    const { hand, books, verdict } = this.#options;
    const outcome = await attempt(client, move);
    this.#options.onAttempt?.(move, outcome);
    switch (outcome.kind) {
      case 'acknowledged':
        books.acknowledge(move, outcome.told);
        hand.learn(move, outcome.told);
        return { route: move.route, ending: { kind: 'right' } };
      case 'refused':
        // The hand draws nothing that may be refused.
        verdict.fail(0, `${move.route} was refused: ${outcome.told.text.slice(0, 200)}`);
        return { route: move.route, ending: { kind: 'wrong', why: `refused with ${outcome.told.status}` } };
      case 'unknown':
        this.unsettled.push(move);
        return { route: move.route, ending: { kind: 'failed', why: outcome.why } };
    }
  }
}
