// What `npm pack` and `npm publish` run in a library's folder first: a build from its present sources and from nothing else.
import { basename, dirname } from 'node:path';
import { buildLibrary } from './prepare/build.mjs';
import { PrepareError } from './prepare/prepare-error.mjs';

const folder = process.cwd();
try {
  buildLibrary(dirname(dirname(folder)), folder, { page: basename(folder) === 'monitoring' });
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(error.message);
  process.exit(1);
}
