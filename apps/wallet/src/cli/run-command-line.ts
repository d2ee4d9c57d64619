import type { EnvironmentVariables } from '../config/environment.js';
import { exitCodes } from './exit-codes.js';
import { explainFailure } from './failure.js';
import { createProgram } from './program.js';

/**
 * Runs one command of the command line and answers with the exit code. With `--json` a failure, too, is one JSON document on standard
 * output; the words stand on standard error either way.
 */
export async function runCommandLine(words: readonly string[], variables: EnvironmentVariables): Promise<number> {
  const interruption = new AbortController();
  let signalCode: number | undefined;
  const listen = ([name, code]: readonly [NodeJS.Signals, number]): void => {
    process.on(name, () => {
      // The second one does not wait for what the first has begun.
      if (signalCode !== undefined) process.exit(code);
      signalCode = code;
      interruption.abort(new Error(`ended by ${name}`));
    });
  };
  for (const one of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    listen(one);

  const json = words.includes('--json');
  try {
    let code: number = exitCodes.fine;
    await createProgram(variables, interruption.signal, (given) => (code = given)).parseAsync([...words], {
      from: 'user',
    });
    return code;
  } catch (error) {
    if (signalCode !== undefined) {
      process.stderr.write(`Ended by a signal; what was under way is undone.\n`);
      return signalCode;
    }
    const failure = explainFailure(error);
    // Commander has said its piece already.
    if (!(error instanceof Error && error.name === 'CommanderError')) process.stderr.write(`${failure.message}\n`);
    if (json && failure.exitCode !== exitCodes.fine)
      process.stdout.write(`${JSON.stringify({ error: { code: failure.code, message: failure.message } })}\n`);
    return failure.exitCode;
  }
}
