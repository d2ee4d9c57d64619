// `npm run load` and `npm run chaos`: installs and builds what is missing or out of date, the proving ground included, and runs it.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepare, PrepareError, ROOT } from './prepare/prepare.mjs';

const [name = '', ...args] = process.argv.slice(2);
try {
  await prepare();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(error.message);
  process.exit(2);
}
const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const built = spawnSync(process.execPath, [compiler, '-b', join(ROOT, 'proving')], {
  cwd: ROOT,
  stdio: ['ignore', 2, 2],
});
if (built.status !== 0) {
  console.error('The proving ground failed to build; the compiler says why above.');
  process.exit(2);
}
const child = spawn(process.execPath, [join(ROOT, 'proving', 'dist', name, 'main.js'), ...args], { stdio: 'inherit' });
// This process stays until the child has cleared up. Ctrl-C reaches the child from the terminal by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once('error', (error) => {
  console.error(`${name} could not be started: ${error.message}`);
  process.exit(2);
});
child.once('exit', (code) => process.exit(code ?? 2));
