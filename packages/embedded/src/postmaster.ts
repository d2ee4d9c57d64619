import { closeSync, openSync, realpathSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Binaries } from './binaries.js';
import { EmbeddedError } from './errors.js';
import { freePort } from './free-port.js';
import { readPostmasterFile } from './postmaster-file.js';
import { isAlive, isServerOf, processTree, processesInside, signalProcess } from './processes.js';
import { saidAtStart } from './server-log.js';
import { BASE_SETTINGS, settingArguments, type ServerSettings } from './settings.js';
import { spawnUnprivileged, type Descent } from './unprivileged.js';

const POLL_MS = 15;
const PORT_ATTEMPTS = 5;

/** A running PostgreSQL server. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/** What a start needs. `settings` come after the built-in ones and win over them. */
export interface StartOptions {
  readonly binaries: Binaries;
  readonly descent: Descent;
  readonly folder: string;
  readonly settings: ServerSettings;
  /** Takes what the server writes before its own log is open; the rest is read from that. */
  readonly startLog: string;
  /** Left out, a free one is taken. */
  readonly port?: number;
  readonly timeoutMs: number;
  /** Ends the wait, and the server with it. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the server and waits until it accepts connections; after a crash that includes the recovery, which is why
 * `timeoutMs` should be generous. A port that is lost to another process between choice and use is chosen again.
 */
export async function startPostmaster(options: StartOptions): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const outcome = await tryStart(options, port);
    if (outcome.kind === 'ready') return outcome.postmaster;
    const portLost = outcome.log.includes('could not bind') || outcome.log.includes('Address already in use');
    if (portLost && options.port === undefined && attempt < PORT_ATTEMPTS) continue;
    throw new EmbeddedError(
      'start_failed',
      `PostgreSQL did not start (${outcome.why}). ${outcome.log.trim().slice(-1500)}`,
    );
  }
}

type StartOutcome = { kind: 'ready'; postmaster: Postmaster } | { kind: 'failed'; why: string; log: string };

async function tryStart(options: StartOptions, port: number): Promise<StartOutcome> {
  const settings = { ...BASE_SETTINGS, ...options.settings, port: String(port) };
  const log = openSync(options.startLog, 'w', 0o600);
  // Detached: a session of its own, so that Ctrl-C in a terminal does not reach the server before its clients are done.
  const child = spawnUnprivileged(
    options.descent,
    options.binaries.postgres,
    ['-D', options.folder, ...settingArguments(settings)],
    { stdio: ['ignore', log, log], detached: true },
  );
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `it ended with ${signal ?? `code ${String(code)}`}`));
  child.unref();

  const said = (): string => saidAtStart(options.folder, child.pid, options.startLog);

  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const seen = readPostmasterFile(options.folder);
    if (child.pid !== undefined && seen?.pid === child.pid && seen.state === 'ready') {
      return { kind: 'ready', postmaster: { pid: child.pid, port } };
    }
    if (ended !== undefined) return { kind: 'failed', why: ended, log: said() };
    if (performance.now() > deadline || options.signal?.aborted === true) {
      if (child.pid !== undefined) await stopPostmaster(options.folder, child.pid, { fastMs: 0, immediateMs: 5_000 });
      options.signal?.throwIfAborted();
      const why = `it was not ready after ${options.timeoutMs} ms`;
      return { kind: 'failed', why, log: said() };
    }
    await delay(POLL_MS);
  }
}

/** The server that runs on this folder already, by the file that it keeps there; undefined when none does. */
export function findRunningPostmaster(folder: string): Postmaster | undefined {
  const seen = readPostmasterFile(folder);
  if (seen === undefined || !isAlive(seen.pid)) return undefined;
  // The id may have gone to another process since. Where the system does not tell (no /proc), the file is believed, as
  // PostgreSQL itself does.
  if (process.platform === 'linux' && !isServerOf(realpathSync(folder), seen.pid)) return undefined;
  return { pid: seen.pid, port: seen.port };
}

/**
 * Stops the server: first fast (sessions are ended, everything is written out), after `fastMs` immediately (the next
 * start recovers), and what is still there after `immediateMs` is killed, its processes included.
 */
export async function stopPostmaster(
  folder: string,
  pid: number,
  bounds: { fastMs: number; immediateMs: number } = { fastMs: 20_000, immediateMs: 5_000 },
): Promise<'fast' | 'immediate' | 'killed'> {
  const tree = processTree(pid);
  if (bounds.fastMs > 0) {
    if (!signalProcess(pid, 'SIGINT')) return 'fast';
    if (await gone(folder, [pid], bounds.fastMs)) return 'fast';
  }
  if (signalProcess(pid, 'SIGQUIT') && (await gone(folder, [pid], bounds.immediateMs))) return 'immediate';
  await killPostmaster(folder, pid, tree);
  return 'killed';
}

/** Ends the server and all its processes with SIGKILL, as a loss of power would. Returns when none is left. */
export async function killPostmaster(folder: string, pid: number, known: readonly number[] = []): Promise<void> {
  // The parent first: it would otherwise see a child die and start its own recovery.
  const tree = new Set([pid, ...known, ...processTree(pid)]);
  for (const member of tree) signalProcess(member, 'SIGKILL');
  if (!(await gone(folder, [...tree], 10_000))) {
    throw new EmbeddedError('timed_out', `Processes of the server ${pid} were still there 10 s after SIGKILL.`);
  }
}

async function gone(folder: string, pids: readonly number[], timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (pids.some(isAlive)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  // The server's helpers end a moment after it; the folder is free only when they have.
  while (processesInside(folder).length > 0) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
