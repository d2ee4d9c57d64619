import type { Measured } from './statistics.js';
import type { Target } from './target.js';
import type { BenchRedis } from './redis-server.js';
import type { Cores } from './cores.js';

/** What every suite is given. */
export interface BenchContext {
  readonly redis: BenchRedis;
  readonly cores: Cores;
  /** Rounds of each measurement, five or more. */
  readonly rounds: number;
  /** A line of progress. */
  readonly say: (line: string) => void;
  /**
   * What several questions of a suite use and what takes long to make: opened by the first that asks with this function, closed when the
   * suite ends. One that could not be opened fails each question that asks for it.
   */
  shared<Opened extends Closable>(open: (context: BenchContext) => Promise<Opened>): Promise<Opened>;
}

export interface Closable {
  close(): Promise<void>;
}

/** One question of a suite: all that were measured for it, and the targets that it decides. */
export interface Answer {
  readonly question: string;
  /** How it was measured, in a sentence or two. */
  readonly method: string;
  readonly measured: readonly Measured[];
  readonly targets: readonly Target[];
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  /** The questions in order; each opens and closes what it needs, so one that fails leaves nothing behind. */
  readonly questions: readonly { readonly name: string; run(context: BenchContext): Promise<Answer> }[];
}
