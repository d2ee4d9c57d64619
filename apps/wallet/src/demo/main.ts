import { EmbeddedError } from '@dunlin/embedded';
import { ConfigError } from '../config/config-error.js';
import { MasterKeyError } from '../keys/master-key.js';
import { StartError } from '../process/start-error.js';
import { DemoError } from './demo-error.js';
import { readOptions } from './options.js';
import { runDemo } from './run-demo.js';

// The process entry of the demo, run by scripts/demo.mjs. Exit codes: 0 all held, 1 something did not, 2 it could not be carried out.
const options = readOptions(process.argv.slice(2));
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => interruption.abort(new Error(`ended by ${name}`)));
try {
  process.exitCode = (await runDemo(options, process.env, interruption.signal)) ? 0 : 1;
} catch (error) {
  const isForTheReader =
    interruption.signal.aborted ||
    [ConfigError, StartError, EmbeddedError, MasterKeyError, DemoError].some((kind) => error instanceof kind);
  const message =
    error instanceof Error ? (isForTheReader ? error.message : (error.stack ?? error.message)) : String(error);
  console.error(`The demo could not be carried out: ${message}`);
  process.exitCode = 2;
}
