import { progressLine, type Progress } from '../demo/progress.js';

/**
 * What a command says. Its result goes to standard output, once, as words or as one JSON document; everything else (progress, warnings)
 * goes to standard error, so that a pipe gets the result and nothing but.
 */
export interface Terminal {
  /** The result: `document` with `--json`, else `words`. */
  result(document: object, words: () => string): void;
  note(line: string): void;
  /** A progress line for a stretch of work whose end is known. */
  progress(title: string, total: number): Progress;
}

export function terminal(options: { json: boolean }): Terminal {
  return {
    result(document, words) {
      process.stdout.write(`${options.json ? JSON.stringify(document, spellBigint, 2) : words()}\n`);
    },
    note: (line) => void process.stderr.write(`${line}\n`),
    progress: progressLine,
  };
}

/** As everywhere on the wire: an amount is a string of digits. */
const spellBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
