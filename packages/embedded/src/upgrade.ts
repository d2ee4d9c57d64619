import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { binariesAt, findBinaries, type Binaries } from './binaries.js';
import { clusterVersion, giveCluster, initialiseCluster, type Login } from './cluster.js';
import { dataFolderAt, loadCredentials, upgradedCluster, type DataFolder } from './data-folder.js';
import { EmbeddedError } from './errors.js';
import { findRunningPostmaster, startPostmaster, stopPostmaster, type Postmaster } from './postmaster.js';
import { tryProcessLock } from './process-lock.js';
import { flushFolder, replaceFile } from './replace-file.js';
import { DURABLE_SETTINGS } from './settings.js';
import { chooseDescent, type Descent } from './unprivileged.js';

/** What `beginUpgrade` takes. */
export interface UpgradeOptions {
  readonly dataFolder: string;
  /** Of the older PostgreSQL: the folder with `bin`, `lib` and `share` in it. */
  readonly oldInstallation: string;
}

/** One of the two servers of an upgrade. */
export interface UpgradeServer {
  readonly majorVersion: number;
  /** Of the role that owns the database. */
  readonly url: string;
  readonly superuserUrl: string;
}

/** An upgrade under way: two servers, nobody else's, and nothing decided yet. */
export interface Upgrade {
  readonly from: UpgradeServer;
  readonly to: UpgradeServer;
  /** Stops both and puts the new cluster in the old one's place, which is kept beside it; answers where. */
  commit(): Promise<string>;
  /** Stops both and removes the new cluster. The old one is as it was. */
  abandon(): Promise<void>;
}

/** What became of asking for an upgrade. */
export type UpgradeStart =
  | { readonly kind: 'begun'; readonly upgrade: Upgrade }
  /** An earlier upgrade was complete but for its last step, which was done now. */
  | { readonly kind: 'finished'; readonly keptAt: string }
  | { readonly kind: 'not_needed'; readonly majorVersion: number };

const START_TIMEOUT_MS = 280_000;
/** In a new cluster that holds everything; without it, it is the rest of an attempt. */
const COMPLETE = 'dunlin-upgrade-complete';

/**
 * Starts the older server on the data folder's cluster and a new, empty one beside it, for a caller who carries everything over and then
 * commits. Until then the old cluster holds all there is and only its own server writes to it, so whatever is cut short, by SIGKILL too, is
 * begun again. Between the two renames of `commit` there is no cluster in place; a start that meets that refuses, and this finishes it.
 * Throws `EmbeddedError`.
 */
export async function beginUpgrade(options: UpgradeOptions): Promise<UpgradeStart> {
  const folder = dataFolderAt(resolve(options.dataFolder));
  const upgraded = upgradedCluster(folder);
  const lock = tryProcessLock(folder.keeperLock);
  if (lock.kind === 'held') {
    throw new EmbeddedError('data_folder_in_use', `Process ${lock.pid} keeps ${folder.path}: stop every wallet first.`);
  }
  try {
    if (!existsSync(folder.cluster) && existsSync(join(upgraded, COMPLETE))) {
      const keptAt = finish(folder);
      lock.release();
      return { kind: 'finished', keptAt };
    }
    const current = findBinaries();
    const version = clusterVersion(folder.cluster);
    if (version === undefined) throw new EmbeddedError('foreign_folder', `${folder.path} holds no database.`);
    if (version === current.majorVersion) {
      lock.release();
      return { kind: 'not_needed', majorVersion: version };
    }
    const old = binariesAt(resolve(options.oldInstallation));
    refuseOther(version, old, current);
    const begun = await startBoth(folder, old, current, () => lock.release());
    return { kind: 'begun', upgrade: begun };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function refuseOther(version: number, old: Binaries, current: Binaries): void {
  if (old.majorVersion !== version) {
    throw new EmbeddedError(
      'other_major_version',
      `The cluster was made by PostgreSQL ${version}, and ${old.root} is PostgreSQL ${old.majorVersion}.`,
    );
  }
  if (version > current.majorVersion) {
    throw new EmbeddedError(
      'other_major_version',
      `The cluster was made by PostgreSQL ${version}, which is newer than this one (${current.majorVersion}): there is no way back.`,
    );
  }
}

async function startBoth(folder: DataFolder, old: Binaries, current: Binaries, release: () => void): Promise<Upgrade> {
  const upgraded = upgradedCluster(folder);
  const descent = chooseDescent(current, folder.cluster);
  const credentials = loadCredentials(folder);
  for (const cluster of [folder.cluster, upgraded]) await endServerOf(cluster);
  rmSync(upgraded, { recursive: true, force: true });
  giveCluster(folder.cluster, descent);
  const running: { cluster: string; server: Postmaster }[] = [];
  const stop = async (): Promise<void> => {
    for (const { cluster, server } of running.splice(0)) await stopPostmaster(cluster, server.pid);
  };
  try {
    const from = await startOn(folder, folder.cluster, old, descent);
    running.push({ cluster: folder.cluster, server: from });
    await initialiseCluster({ binaries: current, descent, folder: upgraded, credentials, sync: true });
    const to = await startOn(folder, upgraded, current, descent);
    running.push({ cluster: upgraded, server: to });
    const described = (binaries: Binaries, { port }: Postmaster): UpgradeServer => {
      const address = ({ user, password }: Login): string =>
        `postgresql://${user}:${password}@127.0.0.1:${port}/${credentials.database}`;
      return {
        majorVersion: binaries.majorVersion,
        url: address(credentials.owner),
        superuserUrl: address(credentials.superuser),
      };
    };
    return {
      from: described(old, from),
      to: described(current, to),
      async commit() {
        await stop();
        replaceFile(join(upgraded, COMPLETE), '');
        const keptAt = finish(folder);
        release();
        return keptAt;
      },
      async abandon() {
        await stop();
        rmSync(upgraded, { recursive: true, force: true });
        release();
      },
    };
  } catch (error) {
    await stop();
    rmSync(upgraded, { recursive: true, force: true });
    throw error;
  }
}

/** A server that an attempt which was killed has left behind. */
async function endServerOf(cluster: string): Promise<void> {
  if (!existsSync(cluster)) return;
  const running = findRunningPostmaster(cluster);
  if (running !== undefined) await stopPostmaster(cluster, running.pid);
}

function startOn(folder: DataFolder, cluster: string, binaries: Binaries, descent: Descent): Promise<Postmaster> {
  return startPostmaster({
    binaries,
    descent,
    folder: cluster,
    settings: { ...DURABLE_SETTINGS, archive_mode: 'off' },
    startLog: folder.startLog,
    timeoutMs: START_TIMEOUT_MS,
  });
}

/** The old cluster steps aside, the new one steps in. Each step may have been done already. */
function finish(folder: DataFolder): string {
  const upgraded = upgradedCluster(folder);
  if (existsSync(folder.cluster)) {
    renameSync(folder.cluster, keptName(folder, clusterVersion(folder.cluster) ?? 0));
  }
  renameSync(upgraded, folder.cluster);
  flushFolder(folder.path);
  rmSync(join(folder.cluster, COMPLETE), { force: true });
  const kept = readdirSync(folder.path)
    .filter((name) => /^postgres\.before-\d+/.test(name))
    .sort();
  return join(folder.path, kept.at(-1) ?? '');
}

function keptName(folder: DataFolder, version: number): string {
  const name = `${folder.cluster}.before-${version}`;
  if (!existsSync(name)) return name;
  for (let number = 2; ; number += 1) if (!existsSync(`${name}-${number}`)) return `${name}-${number}`;
}
