import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { install, isInstalled } from './install.mjs';
import { PrepareError } from './prepare-error.mjs';
import { tryLock } from './lock.mjs';

export { PrepareError };

/** The clone's folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const LOWEST_NODE = [20, 19];
const WAIT_MS = 20 * 60_000;

/**
 * Makes sure that the dependencies are installed and the build is current. Does next to nothing when they are.
 * Two that start at once in one clone do not get in each other's way: one prepares, the other waits for it.
 */
export async function prepare() {
  refuseOldNode();
  if (isInstalled(ROOT) && isBuilt(ROOT)) return;
  const release = await waitForLock(join(ROOT, '.cache', 'prepare.lock'));
  try {
    if (!isInstalled(ROOT)) install(ROOT);
    if (!isBuilt(ROOT)) build(ROOT);
  } finally {
    release();
  }
}

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOldEnough = major > LOWEST_NODE[0] || (major === LOWEST_NODE[0] && minor >= LOWEST_NODE[1]);
  if (isOldEnough) return;
  throw new PrepareError(
    `This needs Node.js ${LOWEST_NODE.join('.')} or later, and this is ${process.versions.node}. Get one at https://nodejs.org.`,
  );
}

async function waitForLock(path) {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new PrepareError(
      `The clone has to be installed or built, and ${dirname(path)} cannot be made (${error.code}). Make the clone writable for this user.`,
    );
  }
  const deadline = performance.now() + WAIT_MS;
  for (let isFirst = true; ; isFirst = false) {
    const outcome = tryLock(path);
    if (outcome.release !== undefined) return outcome.release;
    if (isFirst) console.error(`Process ${outcome.heldBy} is installing or building this clone; waiting for it.`);
    if (performance.now() > deadline) {
      throw new PrepareError(
        `Process ${outcome.heldBy} has been installing or building for 20 minutes. Look at it, or end it, and start again.`,
      );
    }
    await delay(100);
  }
}
