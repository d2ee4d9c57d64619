import { SingleBar } from 'cli-progress';

export interface Progress {
  /** How far it is, and what to show beside it. */
  at(value: number, note?: string): void;
  done(note?: string): void;
}

/** A progress line on standard error; where that is no terminal, a line every five seconds. */
export function progressLine(title: string, total: number): Progress {
  const bar = new SingleBar({
    format: `${title.padEnd(12)} {bar} {percentage}%  {note}`,
    stream: process.stderr,
    barsize: 30,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    hideCursor: null,
    noTTYOutput: true,
    notTTYSchedule: 5_000,
    fps: 5,
    linewrap: false,
    gracefulExit: false,
  });
  bar.start(Math.max(1, total), 0, { note: '' });
  return {
    at: (value, note) => bar.update(Math.min(value, total), note === undefined ? {} : { note }),
    done: (note) => {
      bar.update(Math.max(1, total), note === undefined ? {} : { note });
      bar.stop();
    },
  };
}
