import { loadConfig, type Config } from '../config/config.js';
import type { EnvironmentVariables } from '../config/environment.js';
import { planPool } from './connection-room.js';
import { explain, portProblem } from './explain.js';
import { openDatabase } from './open-database.js';
import type { LoadApp } from './runnable-app.js';
import { Shutdown } from './shutdown.js';
import { endOnSignals, renewOnSignal, STOP_BOUND_MS } from './signals.js';
import type { Surroundings } from './surroundings.js';

/**
 * Runs the wallet until a signal ends it: in this process or, with `WORKERS`, in processes that this one looks after. Answers when it is
 * up; the process then ends by itself.
 */
export async function runWallet(
  loadApp: LoadApp,
  variables: EnvironmentVariables,
  defaultDataFolder: string,
): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const shutdown = new Shutdown({ boundMs: STOP_BOUND_MS, say, exit: (code) => process.exit(code) });
  endOnSignals(shutdown, say);
  const onLost = (error: Error): void => {
    say(`The database is lost: ${error.message}`);
    void shutdown.begin(1);
  };
  try {
    const config = loadConfig(variables, defaultDataFolder);
    shutdown.allowNotice(config.http.stopNoticeMs);
    if (config.workers === undefined) await runHere(loadApp, config, { shutdown, say, onLost });
    else {
      const { runWorkers } = await import('./run-workers.js');
      await runWorkers(config, config.workers, { shutdown, say, onLost });
    }
  } catch (error) {
    // A signal during the start closes things under its hands; what fails then is no news.
    if (!shutdown.hasBegun) say(explain(error));
    await shutdown.begin(1);
  }
}

async function runHere(loadApp: LoadApp, config: Config, { shutdown, say, onLost }: Surroundings): Promise<void> {
  renewOnSignal(() => say('SIGUSR2: there are no workers to renew, since WORKERS is not set; nothing is done.'));
  // The code is read while the database comes up. Should that fail, nobody asks any more whether this did.
  const loading = loadApp();
  loading.catch(() => undefined);
  const database = await openDatabase(config, onLost);
  shutdown.add('the embedded database', () => database.close());
  if (shutdown.hasBegun) return database.close();
  const { remark } = planPool(config, 1, database.room);
  if (remark !== undefined) say(remark);
  const buildApp = await loading;
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
