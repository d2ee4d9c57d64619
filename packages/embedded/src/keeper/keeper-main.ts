import { dataFolderAt } from '../data-folder.js';
import { tryProcessLock } from '../process-lock.js';
import { Keeper } from './keeper.js';
import { EXIT_HELD } from './protocol.js';

// The keeper's process. Standard error is the keeper's log; there is nothing else to read or write.
const folder = dataFolderAt(process.argv[2] ?? '');
const log = (message: string): void =>
  void process.stderr.write(`${new Date().toISOString()} keeper ${process.pid}: ${message}\n`);

const lock = tryProcessLock(folder.keeperLock);
if (lock.kind === 'held') {
  process.exitCode = EXIT_HELD;
} else {
  const keeper = new Keeper(folder, log);
  // A closed terminal is no reason to stop a database; the end of the machine is.
  process.on('SIGHUP', () => undefined);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => keeper.stop());
  try {
    process.exitCode = await keeper.run();
  } catch (error) {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  } finally {
    lock.release();
  }
  process.exit();
}
