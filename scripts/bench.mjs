// `npm run bench [-- name …]`: installs and builds what is missing or out of date, the bench included, and measures.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepare, PrepareError, ROOT } from './prepare/prepare.mjs';

try {
  await prepare();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(error.message);
  process.exit(1);
}
const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const built = spawnSync(process.execPath, [compiler, '-b', join(ROOT, 'bench')], {
  cwd: ROOT,
  stdio: ['ignore', 2, 2],
});
if (built.status !== 0) {
  console.error('The bench failed to build; the compiler says why above.');
  process.exit(1);
}
const main = join(ROOT, 'bench', 'dist', 'main.js');
const child = spawn(process.execPath, [main, ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
// This process stays until the child has cleared up. Ctrl-C reaches the child from the terminal by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once('error', (error) => {
  console.error(`the bench could not be started: ${error.message}`);
  process.exit(1);
});
child.once('exit', (code) => process.exit(code ?? 1));
