import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAlive, startMark } from './processes.js';

/** What came of asking for a lock. */
export type LockOutcome =
  { readonly kind: 'acquired'; release(): void } | { readonly kind: 'held'; readonly pid: number };

interface Claim {
  readonly pid: number;
  /** Tells the process from a later one with the same id; null where the system does not say. */
  readonly mark: string | null;
  readonly nonce: string;
}

const ATTEMPTS = 50;

/**
 * Takes the lock file at `path` for this process, or says who holds it; never waits. The lock of a process that died
 * is taken over. It holds among the processes of one machine (and one container): that is what process ids tell apart.
 *
 * The file appears whole (`link` of a finished file) and is there exactly once. Taking over from a dead holder X must
 * also happen once: two that both saw X dead must not both replace the file, the second one replacing the first one's
 * live claim. So whoever wants to replace X's claim must first create `path.after-<X's nonce>`, which again can succeed
 * once only, and must then see that the lock still is X's. A live claim is removed by its holder alone, and the file of
 * a takeover is removed only after the lock has changed, so between that look and the rename nobody can change it.
 * If the one that is taking over dies on the way, its claim in that second file is dead, and is succeeded by the same rule.
 */
export function tryProcessLock(path: string): LockOutcome {
  const claim: Claim = {
    pid: process.pid,
    mark: startMark(process.pid) ?? null,
    nonce: randomBytes(9).toString('hex'),
  };
  const draft = `${path}.${claim.nonce}`;
  writeFileSync(draft, JSON.stringify(claim), { mode: 0o600, flag: 'wx' });
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (linkOnce(draft, path)) return acquired(path, claim);
      const outcome = succeed(path, draft);
      if (outcome.kind === 'held') return outcome;
      if (outcome.kind === 'taken') return acquired(path, claim);
    }
    throw new Error(`The lock ${path} changed hands ${ATTEMPTS} times while it was asked for.`);
  } finally {
    rmSync(draft, { force: true });
  }
}

type Succession = { kind: 'held'; pid: number } | { kind: 'taken' } | { kind: 'changed' };

/** Replaces the claim of a dead holder, following the chain of those who died while they did the same. */
function succeed(path: string, draft: string): Succession {
  const holder = readClaim(path);
  if (holder === undefined) return { kind: 'changed' };
  const chain: string[] = [];
  for (let dead = holder; ;) {
    if (lives(dead.claim)) return { kind: 'held', pid: dead.claim.pid };
    const successorFile = `${path}.after-${dead.claim.nonce}`;
    chain.push(successorFile);
    if (linkOnce(draft, successorFile)) break;
    const successor = readClaim(successorFile);
    if (successor === undefined) return { kind: 'changed' };
    dead = successor;
  }
  const own = chain.at(-1) ?? '';
  if (readClaim(path)?.text !== holder.text) {
    rmSync(own, { force: true });
    return { kind: 'changed' };
  }
  renameSync(draft, path);
  for (const file of chain) rmSync(file, { force: true });
  return { kind: 'taken' };
}

function acquired(path: string, claim: Claim): LockOutcome {
  return {
    kind: 'acquired',
    release() {
      // Never somebody else's: this process may have been taken for dead, which a debugger or a bug can bring about.
      if (readClaim(path)?.claim.nonce === claim.nonce) rmSync(path, { force: true });
    },
  };
}

function lives({ pid, mark }: Claim): boolean {
  if (pid === 0 || !isAlive(pid)) return false;
  const now = startMark(pid) ?? null;
  return mark === null || now === null || mark === now;
}

function linkOnce(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readClaim(path: string): { text: string; claim: Claim } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return { text, claim: JSON.parse(text) as Claim };
  } catch {
    // A power cut can leave the name without the content. Whoever wrote it is gone with the power.
    return { text, claim: { pid: 0, mark: null, nonce: 'unreadable' } };
  }
}
