import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const ATTEMPTS = 50;

/**
 * Takes the lock file for this process, or says who holds it; the lock of a process that died is taken over.
 *
 * This is the lock of packages/embedded/src/process-lock.ts, where it is explained why two can never both take over a
 * dead holder's lock. It stands here a second time because it guards the very step that builds that package.
 */
export function tryLock(path) {
  const claim = { pid: process.pid, mark: startMark(process.pid), nonce: randomBytes(9).toString('hex') };
  const draft = `${path}.${claim.nonce}`;
  writeFileSync(draft, JSON.stringify(claim), { mode: 0o600, flag: 'wx' });
  const release = () => {
    if (readClaim(path)?.claim.nonce === claim.nonce) rmSync(path, { force: true });
  };
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (linkOnce(draft, path)) return { release };
      const outcome = succeed(path, draft);
      if (outcome.heldBy !== undefined) return outcome;
      if (outcome.taken) return { release };
    }
    throw new Error(`The lock ${path} changed hands ${ATTEMPTS} times while it was asked for.`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function succeed(path, draft) {
  const holder = readClaim(path);
  if (holder === undefined) return { taken: false };
  const chain = [];
  for (let dead = holder; ;) {
    if (lives(dead.claim)) return { heldBy: dead.claim.pid };
    const successorFile = `${path}.after-${dead.claim.nonce}`;
    chain.push(successorFile);
    if (linkOnce(draft, successorFile)) break;
    const successor = readClaim(successorFile);
    if (successor === undefined) return { taken: false };
    dead = successor;
  }
  if (readClaim(path)?.text !== holder.text) {
    rmSync(chain.at(-1), { force: true });
    return { taken: false };
  }
  renameSync(draft, path);
  for (const file of chain) rmSync(file, { force: true });
  return { taken: true };
}

function lives({ pid, mark }) {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  const now = startMark(pid);
  return mark === null || now === null || mark === now;
}

/** The boot and the tick that the process was started in, where the system says; else null. */
function startMark(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return 'ended';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
  } catch {
    return null;
  }
}

function linkOnce(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function readClaim(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return { text, claim: JSON.parse(text) };
  } catch {
    return { text, claim: { pid: 0, mark: null, nonce: 'unreadable' } };
  }
}
