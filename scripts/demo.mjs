// `npm run demo`: installs and builds what is missing or out of date, and then runs the demo with the arguments given.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { prepare, PrepareError, ROOT } from './prepare/prepare.mjs';

try {
  await prepare();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(error.message);
  process.exit(2);
}
await import(pathToFileURL(join(ROOT, 'apps', 'wallet', 'dist', 'src', 'demo', 'main.js')).href);
