import { existsSync, readdirSync, readFileSync, realpathSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { archiveForCluster, archiveSettings, prepareArchive, readWalArchive } from '../backup/wal-archive.js';
import { findBinaries } from '../binaries.js';
import { clusterVersion, giveCluster, initialiseCluster } from '../cluster.js';
import { loadOrCreateCredentials, prepareDataFolder, type DataFolder } from '../data-folder.js';
import { EmbeddedError } from '../errors.js';
import { readPostmasterFile } from '../postmaster-file.js';
import { findRunningPostmaster, startPostmaster, type Postmaster, type StartOptions } from '../postmaster.js';
import { isTaken, processesInside, signalProcess } from '../processes.js';
import { replaceFile } from '../replace-file.js';
import { DURABLE_SETTINGS, LOG_FILE_SETTINGS, workingSettings } from '../settings.js';
import { chooseDescent } from '../unprivileged.js';

/** Recovery after a crash reads the log since the last checkpoint: minutes at the very worst. */
const START_TIMEOUT_MS = 280_000;
const STRAYS_TIMEOUT_MS = 10_000;
const DATABASE = 'wallet';
/** Above the highest that Linux gives out (2^22). */
const IMPOSSIBLE_PID = 2_147_483_647;

/**
 * Brings the server of this data folder up: takes over one that is running, else makes the cluster if there is none,
 * and starts it, on the port that it had last if that is free.
 */
export async function bringUpServer(folder: DataFolder): Promise<Postmaster> {
  const binaries = findBinaries();
  prepareDataFolder(folder, binaries);
  const running = await adopt(folder);
  if (running !== undefined) return running;

  const descent = chooseDescent(binaries, folder.cluster);
  const credentials = loadOrCreateCredentials(folder, DATABASE);
  if (existsSync(folder.cluster) && readdirSync(folder.cluster).length === 0) rmdirSync(folder.cluster);
  if (clusterVersion(folder.cluster) === undefined) {
    await initialiseCluster({ binaries, descent, folder: folder.cluster, credentials, sync: true });
  }
  await endStrays(folder.cluster);
  disownPidFile(folder.cluster);
  giveCluster(folder.cluster, descent);
  const wanted = readWalArchive(folder);
  const archive = wanted === undefined ? undefined : archiveForCluster(wanted, folder.cluster);
  if (archive !== undefined) await prepareArchive(archive, descent);
  const server = await startWhenFree(
    {
      binaries,
      descent,
      folder: folder.cluster,
      settings: { ...workingSettings(), ...LOG_FILE_SETTINGS, ...DURABLE_SETTINGS, ...archiveSettings(archive) },
      startLog: folder.startLog,
      timeoutMs: START_TIMEOUT_MS,
    },
    folder.port,
  );
  replaceFile(folder.port, `${server.port}\n`);
  return server;
}

/** A server that a keeper which was killed has left behind; one that is just stopping is waited for instead. */
async function adopt(folder: DataFolder): Promise<Postmaster | undefined> {
  if (!existsSync(folder.cluster)) return undefined;
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const running = findRunningPostmaster(folder.cluster);
    if (running === undefined) return undefined;
    if (readPostmasterFile(folder.cluster)?.state === 'ready') return running;
    if (performance.now() > deadline) {
      throw new EmbeddedError(
        'start_failed',
        `The server ${running.pid} of ${folder.cluster} neither comes up nor ends.`,
      );
    }
    await delay(50);
  }
}

/** Processes of a killed server that were not seen above end by themselves soon; until then PostgreSQL refuses to start. */
async function startWhenFree(options: StartOptions, portFile: string): Promise<Postmaster> {
  const deadline = performance.now() + STRAYS_TIMEOUT_MS;
  for (;;) {
    try {
      return await startOnUsualPort(options, portFile);
    } catch (error) {
      const isHeld = error instanceof EmbeddedError && error.message.includes('shared memory block');
      if (!isHeld || performance.now() > deadline) throw error;
      await delay(250);
    }
  }
}

async function startOnUsualPort(options: StartOptions, portFile: string): Promise<Postmaster> {
  const usual = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0;
  if (Number.isInteger(usual) && usual > 0 && usual < 65_536) {
    try {
      return await startPostmaster({ ...options, port: usual });
    } catch (error) {
      const portTaken = error instanceof EmbeddedError && /could not bind|Address already in use/.test(error.message);
      if (!portTaken) throw error;
    }
  }
  return startPostmaster(options);
}

/**
 * When the server's first process was killed alone, the others see it and end, but one that is busy may take its time,
 * and PostgreSQL does not start beside it.
 */
async function endStrays(cluster: string): Promise<void> {
  const folder = realpathSync(cluster);
  const deadline = performance.now() + STRAYS_TIMEOUT_MS;
  for (let round = 0; ; round += 1) {
    const strays = processesInside(folder);
    if (strays.length === 0) return;
    if (performance.now() > deadline) {
      throw new EmbeddedError('start_failed', `Processes ${strays.join(', ')} of an earlier server do not end.`);
    }
    if (round > 20) for (const pid of strays) signalProcess(pid, 'SIGKILL');
    await delay(50);
  }
}

/**
 * PostgreSQL refuses to start while the process id in a file left by a crash is taken: by another process of the same
 * user, which is the rule in a container, where ids are small and the same at every start; or by the dead server itself,
 * when nobody takes note of its end, which is also common there. By now it is known that this process is no server of
 * this folder. The id is replaced by one that no process can have, and the file stays: by the rest of it PostgreSQL
 * still finds out, and refuses, when processes of the old server live on.
 */
function disownPidFile(cluster: string): void {
  const left = readPostmasterFile(cluster);
  if (process.platform !== 'linux' || left === undefined || !isTaken(left.pid)) return;
  const path = join(cluster, 'postmaster.pid');
  // Written in place, so that the file keeps its owner.
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^-?\d+/, String(IMPOSSIBLE_PID)));
}
