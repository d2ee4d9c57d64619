// `npm start`: from a fresh clone to a running wallet. Installs and builds what is missing or out of date, and then runs
// the wallet in this very process, so that a signal sent to it reaches the wallet itself.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { prepare, PrepareError, ROOT } from './prepare/prepare.mjs';

try {
  await prepare();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(error.message);
  process.exit(1);
}
await import(pathToFileURL(join(ROOT, 'apps', 'wallet', 'dist', 'src', 'main.js')).href);

// npm passes a signal on to its child only, which may be a shell that dies of it and leaves the wallet behind (`exec` in
// package.json sees to that, where the shell obeys), and a killed npm passes nothing on. An orphan must not hold the port.
if (process.env.npm_lifecycle_event === 'start') {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}
