import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { EmbeddedError } from './errors.js';
import type { Binaries } from './binaries.js';

/**
 * How a PostgreSQL program is started, given that it refuses to run as root.
 * - `as-is`: we are not root.
 * - `plain`: another user id; works when that user can reach the programs and the data.
 * - `setpriv`: another user id that keeps the capability to pass folders closed to it (a clone below /root).
 * - `unshare`: a user namespace in which root has another number; for containers without the capabilities.
 */
export type Descent =
  | { readonly kind: 'as-is' }
  | { readonly kind: 'plain' | 'setpriv' | 'unshare'; readonly uid: number; readonly gid: number };

/** The user and group that own the files which programs started by `descent` write. */
export function fileOwner(descent: Descent): { uid: number; gid: number } | undefined {
  if (descent.kind === 'as-is') return undefined;
  // Inside the namespace of `unshare` root is merely renamed: on the disk its files stay root's.
  return descent.kind === 'unshare' ? { uid: 0, gid: 0 } : { uid: descent.uid, gid: descent.gid };
}

const PROBE_TIMEOUT_MS = 10_000;

/**
 * Chooses the first way that is seen to work, by trying it: it must find and run the programs and reach `folder`'s parent.
 * Changes no permission anywhere. Costs one short process when not needed as root, two to six as root.
 */
export function chooseDescent(binaries: Binaries, folder: string): Descent {
  if (process.getuid?.() !== 0) return { kind: 'as-is' };
  const { uid, gid } = unprivilegedAccount();
  const candidates: Descent[] = (['plain', 'setpriv', 'unshare'] as const).map((kind) => ({ kind, uid, gid }));
  const refusals: string[] = [];
  for (const candidate of candidates) {
    const refusal = probe(candidate, binaries, dirname(folder));
    if (refusal === undefined) return candidate;
    refusals.push(`${candidate.kind}: ${refusal}`);
  }
  throw new EmbeddedError(
    'cannot_drop_privileges',
    'PostgreSQL does not run as root, and no way to run it as another user works here ' +
      `(${refusals.join('; ')}). Start as an ordinary user, move the clone to a folder that every user may enter ` +
      '(not below /root), install util-linux for setpriv, or set DATABASE_URL to use a server of your own.',
  );
}

/** Starts `command` without root's identity. The environment is minimal, so that no PG* variable changes what runs. */
export function spawnUnprivileged(
  descent: Descent,
  command: string,
  args: readonly string[],
  options: { stdio: StdioOptions; detached?: boolean },
): ChildProcess {
  const call = wrap(descent, command, args);
  return spawn(call.command, call.args, {
    cwd: '/',
    env: programEnvironment(),
    stdio: options.stdio,
    detached: options.detached ?? false,
    ...call.identity,
  });
}

function wrap(
  descent: Descent,
  command: string,
  args: readonly string[],
): { command: string; args: string[]; identity: { uid?: number; gid?: number } } {
  switch (descent.kind) {
    case 'as-is':
      return { command, args: [...args], identity: {} };
    case 'plain':
      return { command, args: [...args], identity: { uid: descent.uid, gid: descent.gid } };
    case 'setpriv': {
      // Not more than this one: containers grant root only some, and asking for another fails.
      const capabilities = '+dac_override';
      // The secure bit keeps the capabilities in force for access(2) too, with which initdb looks for its companions;
      // by default that call leaves them out of account for every user but root.
      const flags = [
        '--securebits=+no_setuid_fixup',
        `--reuid=${descent.uid}`,
        `--regid=${descent.gid}`,
        '--clear-groups',
      ];
      flags.push(`--inh-caps=${capabilities}`, `--ambient-caps=${capabilities}`);
      return { command: 'setpriv', args: [...flags, command, ...args], identity: {} };
    }
    case 'unshare': {
      const flags = ['--user', `--map-user=${descent.uid}`, `--map-group=${descent.gid}`];
      return { command: 'unshare', args: [...flags, command, ...args], identity: {} };
    }
  }
}

/** A folder that cannot be: initdb gives up on it, but only after it has found and run everything that it needs. */
const IMPOSSIBLE_FOLDER = '/dev/null/cluster';

/** Answers why this way does not work, or undefined when it does. */
function probe(descent: Descent, binaries: Binaries, parentFolder: string): string | undefined {
  const script = 'test -x "$2" || { echo "no way into $2" >&2; exit 1; }; exec "$1" -U postgres -A trust -D "$3"';
  const call = wrap(descent, '/bin/sh', ['-c', script, 'sh', binaries.initdb, parentFolder, IMPOSSIBLE_FOLDER]);
  const outcome = spawnSync(call.command, call.args, {
    cwd: '/',
    env: programEnvironment(),
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
    ...call.identity,
  });
  if (outcome.error !== undefined) return outcome.error.message;
  if (outcome.stderr.includes(`"${IMPOSSIBLE_FOLDER}"`)) return undefined;
  return outcome.stderr.trim().split('\n').at(-1) ?? `exit code ${String(outcome.status)}`;
}

function programEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** PostgreSQL's programs insist on a user that has a name, so only accounts that exist come into question. */
function unprivilegedAccount(): { uid: number; gid: number } {
  const fallback = { uid: 65534, gid: 65534 };
  let accounts: string[][];
  try {
    accounts = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return fallback;
  }
  for (const wanted of ['postgres', 'nobody']) {
    const fields = accounts.find(([name]) => name === wanted);
    const uid = Number(fields?.[2]);
    const gid = Number(fields?.[3]);
    if (Number.isInteger(uid) && Number.isInteger(gid) && uid > 0) return { uid, gid };
  }
  return fallback;
}
