import { EmbeddedError } from '@dunlin/embedded';
import { ConfigError } from '../config/config-error.js';
import { loadConfig, type Config } from '../config/config.js';
import type { EnvironmentVariables } from '../config/environment.js';
import { KeyringError } from '../keys/keyring.js';
import { MasterKeyError } from '../keys/master-key.js';
import { LedgerSetupError } from '../ledger/errors.js';
import { openDatabase } from './open-database.js';
import { Shutdown } from './shutdown.js';
import { StartError } from './start-error.js';

/** What the process needs of the application. */
export interface RunnableApp {
  /** Binds the port. Rejects with the system's error (`EADDRINUSE`, …). */
  listen(): Promise<{ url: string }>;
  /** Takes no new request, finishes the running ones, and closes all that the application opened. */
  close(): Promise<void>;
  /** What to tell whoever started it: where to look, and how to log in. */
  announcement(): string[];
}

/** Builds the application; it opens nothing that `close` does not close. */
export type BuildRunnableApp = (options: { config: Config; databaseUrl: string }) => Promise<RunnableApp>;

const STOP_BOUND_MS = 9_500;
/** Ctrl-C reaches the wallet from the terminal and once more from npm; what comes so soon after the first is its echo, not an order. */
const ECHO_MS = 1_000;

/** Runs the wallet in this process until a signal ends it. Answers when it is up; the process then ends by itself. */
export async function runWallet(
  buildApp: BuildRunnableApp,
  variables: EnvironmentVariables,
  defaultDataFolder: string,
): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const shutdown = new Shutdown({ boundMs: STOP_BOUND_MS, say, exit: (code) => process.exit(code) });
  listenToProcess(shutdown, say);
  try {
    const config = loadConfig(variables, defaultDataFolder);
    await start(buildApp, config, shutdown, (error) => {
      say(`The database is lost: ${error.message}`);
      void shutdown.begin(1);
    });
  } catch (error) {
    // A signal during the start closes things under its hands; what fails then is no news.
    if (!shutdown.hasBegun) say(explain(error));
    await shutdown.begin(1);
  }
}

async function start(
  buildApp: BuildRunnableApp,
  config: Config,
  shutdown: Shutdown,
  onLost: (error: Error) => void,
): Promise<void> {
  const database = await openDatabase(config, onLost);
  shutdown.add('the embedded database', () => database.close());
  if (shutdown.hasBegun) return database.close();
  const app = await buildApp({ config, databaseUrl: database.url });
  shutdown.add('the requests that are running', () => app.close());
  if (shutdown.hasBegun) return app.close();
  try {
    await app.listen();
  } catch (error) {
    throw portProblem(config, error);
  }
  for (const line of app.announcement()) process.stdout.write(`${line}\n`);
}

function listenToProcess(shutdown: Shutdown, say: (line: string) => void): void {
  let firstSignalMs = Number.NEGATIVE_INFINITY;
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const) {
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
  const onUnexpected = (error: unknown): void => {
    say(`Unexpected error, stopping: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    void shutdown.begin(1);
  };
  process.on('uncaughtException', onUnexpected);
  process.on('unhandledRejection', onUnexpected);
}

function portProblem(config: Config, error: unknown): unknown {
  const { host, port } = config.http;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartError(
        `Port ${port} on ${host} is taken by another program. Set PORT to a free one, for example: PORT=${port + 1} npm start`,
        error,
      );
    case 'EACCES':
      return new StartError(`This user may not use port ${port}. Set PORT to one above 1023.`, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartError(
        `${host} is no address of this machine. Set HOST to one, for example 127.0.0.1 or 0.0.0.0.`,
        error,
      );
    default:
      return error;
  }
}

/** Plain words for what its reader can mend; for anything else, which is a bug, the whole story. */
function explain(error: unknown): string {
  const isForTheReader =
    error instanceof ConfigError ||
    error instanceof StartError ||
    error instanceof EmbeddedError ||
    error instanceof MasterKeyError ||
    error instanceof KeyringError ||
    error instanceof LedgerSetupError;
  if (isForTheReader) return error.message;
  return `The wallet could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
