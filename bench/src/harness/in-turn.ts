import { measured, type Measured } from './statistics.js';

/** One of those that are measured side by side. */
export interface Turn {
  readonly contestant: string;
  /** One round's figure. */
  measure(): Promise<number>;
}

/**
 * Measures all of them in turn, round after round (A B A B), every second round backwards, so that a machine that slows down or speeds up
 * meanwhile does so for all. A round ahead of them warms up and is not counted.
 */
export async function inTurn(turns: readonly Turn[], rounds: number, unit: string): Promise<Measured[]> {
  if (rounds < 5) throw new Error('five rounds at the least');
  const figures = turns.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    const order = turns.map((_, index) => (round % 2 === 0 ? index : turns.length - 1 - index));
    for (const index of order) {
      const figure = await turns[index]?.measure();
      if (figure === undefined || !Number.isFinite(figure)) {
        throw new Error(`${turns[index]?.contestant ?? '?'}: no figure came of a round`);
      }
      if (round >= 0) figures[index]?.push(figure);
    }
  }
  return turns.map((turn, index) => measured(turn.contestant, unit, figures[index] ?? []));
}

/** The one of that name; a typing error in a question must not pass for a missing measurement. */
export function named(all: readonly Measured[], contestant: string): Measured {
  const found = all.find((one) => one.contestant === contestant);
  if (!found) throw new Error(`${contestant} was not measured`);
  return found;
}
