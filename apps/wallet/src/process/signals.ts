import type { Shutdown } from './shutdown.js';

/** How long a stop may take that somebody waits for. */
export const STOP_BOUND_MS = 9_500;
/** Ctrl-C reaches the wallet from the terminal and once more from npm; what comes so soon after the first is its echo, not an order. */
const ECHO_MS = 1_000;

const ENDING = [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const;

/** Ends the process in order on the signals that ask for it, at once when they come again, and with 1 after an error that nobody caught. */
export function endOnSignals(shutdown: Shutdown, say: (line: string) => void): void {
  let firstSignalMs = Number.NEGATIVE_INFINITY;
  for (const [signal, code] of ENDING) {
    process.on(signal, () => {
      if (performance.now() - firstSignalMs < ECHO_MS) return;
      if (shutdown.hasBegun) {
        say(`${signal} again: ending at once.`);
        process.exit(code);
      }
      firstSignalMs = performance.now();
      say(`${signal}: finishing what is running (at most ${STOP_BOUND_MS / 1000} s; once more to end at once).`);
      void shutdown.begin(0);
    });
  }
  endOnErrors(shutdown, say);
}

/** Ends the process with 1 after an error that nobody caught: what it left half done is not known. */
export function endOnErrors(shutdown: Shutdown, say: (line: string) => void): void {
  const onUnexpected = (error: unknown): void => {
    say(`Unexpected error, stopping: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    void shutdown.begin(1);
  };
  process.on('uncaughtException', onUnexpected);
  process.on('unhandledRejection', onUnexpected);
}

/**
 * `SIGUSR2` renews the workers; where there are none it only says so, since a signal that nobody listens to would end the process.
 * SIGHUP is not it: a terminal that is closed sends it to everything that was started there, which is to end then.
 */
export function renewOnSignal(renew: () => void): void {
  process.on('SIGUSR2', renew);
}
