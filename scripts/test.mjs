// `npm test`: installs and builds what is missing or out of date, and then runs vitest with the arguments given.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare, PrepareError, ROOT } from './prepare/prepare.mjs';

try {
  await prepare();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(error.message);
  process.exit(1);
}
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
// This process stays until the child has cleared up. Ctrl-C reaches the child from the terminal by itself, and a second one
// would make it leave its servers behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once('error', (error) => {
  console.error(`vitest could not be started: ${error.message}`);
  process.exit(1);
});
child.once('exit', (code) => process.exit(code ?? 1));
