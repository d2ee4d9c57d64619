import { join } from 'node:path';
import {
  chooseDescent,
  DURABLE_SETTINGS,
  findBinaries,
  generateCredentials,
  giveCluster,
  initialiseCluster,
  killPostmaster,
  processTree,
  startPostmaster,
  stopPostmaster,
  type Login,
  type Postmaster,
  type ServerSettings,
} from '@dunlin/embedded';
import { copyCluster } from './base-backup.js';
import { endProcessesInside, makeScratchFolder, removeScratchFolder } from './scratch-folder.js';

/** A PostgreSQL server of one's own, to be stopped, killed and frozen. The port stays the same across restarts. */
export interface TestPostgres {
  /** The superuser's URL of the database `postgres`. */
  readonly url: string;
  /** The URL of a role that owns the database `wallet` and is no superuser. */
  readonly ownerUrl: string;
  readonly port: number;
  /** Of the server process; changes with `restart`. */
  readonly pid: number;
  /** The folder of the cluster. */
  readonly folder: string;
  /** Stops the server cleanly and removes its files. May be called twice. */
  stop(): Promise<void>;
  /** Ends every process of the server with SIGKILL; the files stay, for `restart`. */
  kill9(): Promise<void>;
  /** Freezes every process of the server; connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts again on the same files and port: after `kill9` with a recovery, else after a clean stop. */
  restart(): Promise<void>;
}

/** `durable` turns the flush to disk on, which crash tests need and which makes commits slower. */
export interface TestPostgresOptions {
  readonly durable?: boolean;
  readonly settings?: ServerSettings;
}

const FAST_SETTINGS: ServerSettings = { fsync: 'off', full_page_writes: 'off', shared_buffers: '64MB' };
const START_TIMEOUT_MS = 60_000;

/** Makes a new cluster (about 0.7 s) and starts it. */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const scratch = makeScratchFolder();
  const folder = join(scratch, 'postgres');
  const binaries = findBinaries();
  const descent = chooseDescent(binaries, folder);
  const credentials = generateCredentials('wallet');
  const settings = { ...(options.durable === true ? DURABLE_SETTINGS : FAST_SETTINGS), ...options.settings };
  const start = (port?: number): Promise<Postmaster> =>
    startPostmaster({
      binaries,
      descent,
      folder,
      settings,
      startLog: join(scratch, 'start.log'),
      timeoutMs: START_TIMEOUT_MS,
      ...(port === undefined ? {} : { port }),
    });

  // A test process that ends without having stopped its server takes it along.
  const onExit = (): void => endProcessesInside(folder);
  process.once('exit', onExit);
  let server: Postmaster;
  try {
    await initialiseCluster({ binaries, descent, folder, credentials, sync: false });
    server = await start();
  } catch (error) {
    process.removeListener('exit', onExit);
    removeScratchFolder(scratch);
    throw error;
  }

  const address = ({ user, password }: Login, database: string): string =>
    `postgresql://${user}:${password}@127.0.0.1:${server.port}/${database}`;
  return controlled({
    url: address(credentials.superuser, 'postgres'),
    ownerUrl: address(credentials.owner, credentials.database),
    folder,
    scratch,
    server,
    start,
    onExit,
  });
}

/**
 * Makes a streaming replica of a running server of `startTestPostgres`: a base backup of its files, then its WAL as it is
 * written. It answers reads as soon as this resolves; logins and databases are the primary's. Stop it before the primary.
 */
export async function startTestReplica(primary: TestPostgres): Promise<TestPostgres> {
  const scratch = makeScratchFolder();
  const folder = join(scratch, 'postgres');
  const binaries = findBinaries();
  const descent = chooseDescent(binaries, folder);
  const onExit = (): void => endProcessesInside(folder);
  process.once('exit', onExit);
  const start = (port?: number): Promise<Postmaster> =>
    startPostmaster({
      binaries,
      descent,
      folder,
      settings: FAST_SETTINGS,
      startLog: join(scratch, 'start.log'),
      timeoutMs: START_TIMEOUT_MS,
      ...(port === undefined ? {} : { port }),
    });
  let server: Postmaster;
  try {
    await copyCluster(primary, folder);
    giveCluster(folder, descent);
    server = await start();
  } catch (error) {
    process.removeListener('exit', onExit);
    removeScratchFolder(scratch);
    throw error;
  }
  const here = (url: string): string => url.replace(`:${primary.port}/`, `:${server.port}/`);
  return controlled({
    url: here(primary.url),
    ownerUrl: here(primary.ownerUrl),
    folder,
    scratch,
    server,
    start,
    onExit,
  });
}

/** What runs already, and how to start it again. */
interface Running {
  readonly url: string;
  readonly ownerUrl: string;
  readonly folder: string;
  readonly scratch: string;
  readonly server: Postmaster;
  readonly start: (port: number) => Promise<Postmaster>;
  readonly onExit: () => void;
}

function controlled({ url, ownerUrl, folder, scratch, server, start, onExit }: Running): TestPostgres {
  const { port } = server;
  let pid = server.pid;
  let state: 'running' | 'killed' | 'stopped' = 'running';
  return {
    url,
    ownerUrl,
    port,
    folder,
    get pid() {
      return pid;
    },
    async stop() {
      if (state === 'stopped') return;
      if (state === 'running') {
        signalTree(pid, 'SIGCONT');
        await stopPostmaster(folder, pid);
      }
      state = 'stopped';
      process.removeListener('exit', onExit);
      removeScratchFolder(scratch);
    },
    async kill9() {
      if (state !== 'running') throw new Error(`kill9 needs a running server; this one is ${state}.`);
      await killPostmaster(folder, pid);
      state = 'killed';
    },
    pause: () => freezeTree(pid),
    resume: () => signalTree(pid, 'SIGCONT'),
    async restart() {
      if (state === 'stopped') throw new Error('A stopped server has no files left to start on.');
      if (state === 'running') await stopPostmaster(folder, pid);
      state = 'killed';
      pid = (await start(port)).pid;
      state = 'running';
    },
  };
}

/** Twice: a session that the server's first process started after the look at its children, and before it was stopped, would go on answering. */
function freezeTree(pid: number): void {
  for (let pass = 1; pass <= 2; pass += 1) signalTree(pid, 'SIGSTOP');
}

function signalTree(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const member of processTree(pid)) {
    try {
      process.kill(member, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
