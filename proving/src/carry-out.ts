import { EmbeddedError } from '@dunlin/embedded';
import { ConfigError } from '@dunlin/wallet/config/config-error';
import { DemoError } from '@dunlin/wallet/demo/demo-error';
import { StartError } from '@dunlin/wallet/process/start-error';
import { ProvingError } from './proving-error.js';

const forTheReader = [ProvingError, DemoError, ConfigError, StartError, EmbeddedError];

/** Runs a program to its exit code. A signal ends it in order; a second one at once. What keeps it from being carried out is said, and gives 2. */
export async function carryOut(program: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const interruption = new AbortController();
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.on(name, () => {
      if (interruption.signal.aborted) process.exit(code);
      interruption.abort(new Error(`ended by ${name}`));
    });
  try {
    process.exitCode = await program(interruption.signal);
  } catch (error) {
    const plain = interruption.signal.aborted || forTheReader.some((kind) => error instanceof kind);
    const message = error instanceof Error ? (plain ? error.message : (error.stack ?? error.message)) : String(error);
    process.stderr.write(`It could not be carried out: ${message}\n`);
    process.exitCode = 2;
  }
}
