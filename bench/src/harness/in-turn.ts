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
  if (rounds < 1) throw new Error('one round at the least');
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

/** One of those that are measured side by side, when a round gives several figures of it. */
export interface FiguresTurn<Name extends string> {
  readonly contestant: string;
  measure(): Promise<Readonly<Record<Name, number>>>;
}

/** The same of several figures, each with its unit and what stands behind the contestant's name in the table. */
export async function figuresInTurn<Name extends string>(
  turns: readonly FiguresTurn<Name>[],
  rounds: number,
  figures: Readonly<Record<Name, { unit: string; label: string }>>,
): Promise<Readonly<Record<Name, Measured[]>>> {
  const names = Object.keys(figures) as Name[];
  const found = turns.map((): Readonly<Record<Name, number>>[] => []);
  const first = names[0];
  if (first === undefined) throw new Error('no figure was asked for');
  const measureOne = async (turn: FiguresTurn<Name>, index: number): Promise<number> => {
    const round = await turn.measure();
    found[index]?.push(round);
    return round[first];
  };
  await inTurn(
    turns.map((turn, index) => ({ contestant: turn.contestant, measure: () => measureOne(turn, index) })),
    rounds,
    figures[first].unit,
  );
  const of = (name: Name, index: number): Measured => {
    const { unit, label } = figures[name];
    // The first round warmed up.
    const all = (found[index] ?? []).slice(1).map((round) => round[name]);
    const bad = all.find((figure) => !Number.isFinite(figure));
    if (bad !== undefined) throw new Error(`${turns[index]?.contestant ?? '?'}${label}: no figure came of a round`);
    return measured(`${turns[index]?.contestant ?? '?'}${label}`, unit, all);
  };
  return Object.fromEntries(names.map((name) => [name, turns.map((_, index) => of(name, index))])) as Record<
    Name,
    Measured[]
  >;
}

/** The one of that name; a typing error in a question must not pass for a missing measurement. */
export function named(all: readonly Measured[], contestant: string): Measured {
  const found = all.find((one) => one.contestant === contestant);
  if (!found) throw new Error(`${contestant} was not measured`);
  return found;
}
