import { realpathSync } from 'node:fs';
import { resolve as resolvePath } from 'node:path';
import { archivesInto, keepWalArchive, type WalArchive } from './backup/wal-archive.js';
import { findBinaries } from './binaries.js';
import type { Login } from './cluster.js';
import { dataFolderAt, loadCredentials, prepareDataFolder, type DataFolder } from './data-folder.js';
import { EmbeddedError } from './errors.js';
import { attachToKeeper, leaveKeeper, type KeeperConnection } from './keeper/client.js';
import { readMessages, type KeeperMessage } from './keeper/protocol.js';

/** What `openEmbeddedServer` takes. */
export interface EmbeddedServerOptions {
  /** Made if it is not there. Several processes may open the same one; they share the server. */
  readonly dataFolder: string;
  /**
   * Where the server archives its write-ahead log, so that a backup can be brought to a point in time. Left out, what
   * was named last for this data folder holds; `off` ends it. Takes effect when the server starts.
   */
  readonly walArchive?: WalArchive | 'off';
  /** How long to wait for the server, a recovery after a crash included. 300 000 when left out. */
  readonly startTimeoutMs?: number;
  /** Called when the server is lost for good: it could not be brought back, or came back on another port. */
  readonly onLost?: (error: EmbeddedError) => void;
}

/** A share in a running embedded PostgreSQL. */
export interface EmbeddedServer {
  /** Of the role that owns the database `wallet`; holds the password. */
  readonly url: string;
  /** Of the superuser, for maintenance by hand; holds the password. */
  readonly superuserUrl: string;
  readonly port: number;
  /**
   * Gives the share back. When it was the last one the server stops, and this waits for that, at most `timeoutMs`
   * (8000 when left out; the stop goes on by itself then). Answers whether it was in time. May be called twice.
   */
  close(timeoutMs?: number): Promise<boolean>;
}

const START_TIMEOUT_MS = 300_000;
const CLOSE_TIMEOUT_MS = 8_000;

/**
 * Opens the PostgreSQL of a data folder, starting it if it does not run (about 0.3 s; 1.5 s the first time).
 * The server belongs to a small process of its own, the keeper, so it lives exactly as long as somebody has it open,
 * however that somebody ends. Throws `EmbeddedError`.
 */
export async function openEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const asked = dataFolderAt(resolvePath(options.dataFolder));
  prepareDataFolder(asked, findBinaries());
  // By its real path, so that two names of one folder do not get two keepers.
  const folder = dataFolderAt(realpathSync(asked.path));
  const timeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS;
  if (options.walArchive !== undefined) keepWalArchive(folder, options.walArchive);
  let connection = await attachToKeeper(folder, timeoutMs);
  await refuseWithoutArchive(folder, options.walArchive, connection);
  const { superuser, owner, database } = loadCredentials(folder);
  const { port } = connection;
  let closing: Promise<boolean> | undefined;

  let isLost = false;
  const lose = (error: unknown): void => {
    if (closing !== undefined || isLost) return;
    isLost = true;
    const known = error instanceof EmbeddedError ? error : new EmbeddedError('keeper_failed', String(error), error);
    options.onLost?.(known);
  };
  // A keeper that ends although we hold on to it was killed. Its server may well be running: a new keeper takes it over.
  const watch = (watched: KeeperConnection): void => {
    onServerChange(watched, port, lose);
    watched.socket.once('close', () => {
      if (closing !== undefined || isLost) return;
      attachToKeeper(folder, timeoutMs).then((next) => {
        connection = next;
        if (closing !== undefined) next.socket.destroy();
        else if (next.port === port) watch(next);
        else lose(movedTo(next.port, port));
      }, lose);
    });
  };
  watch(connection);

  const address = ({ user, password }: Login, name: string): string =>
    `postgresql://${user}:${password}@127.0.0.1:${port}/${name}`;
  return {
    url: address(owner, database),
    superuserUrl: address(superuser, database),
    port,
    close(closeTimeoutMs = CLOSE_TIMEOUT_MS) {
      closing ??= Promise.resolve().then(() => leaveKeeper(connection, closeTimeoutMs));
      return closing;
    },
  };
}

/** A server that was up already, without the archive that is wanted, cannot be given one: it has to be started anew. */
async function refuseWithoutArchive(
  folder: DataFolder,
  wanted: WalArchive | 'off' | undefined,
  connection: KeeperConnection,
): Promise<void> {
  if (wanted === undefined || wanted === 'off' || archivesInto(folder.cluster, wanted)) return;
  await leaveKeeper(connection, CLOSE_TIMEOUT_MS);
  throw new EmbeddedError(
    'archive_not_in_use',
    `PostgreSQL of ${folder.path} runs already, and was started without the archive ${wanted.folder}. Stop everything that uses it, and start again.`,
  );
}

/** After a crash the keeper brings the server back and says so; whether that helps is for the client to judge. */
function onServerChange({ socket }: KeeperConnection, port: number, lose: (error: EmbeddedError) => void): void {
  readMessages<KeeperMessage>(socket, (message) => {
    if (message.kind === 'failed') lose(new EmbeddedError(message.code, message.message));
    else if (message.kind === 'ready' && message.port !== port) lose(movedTo(message.port, port));
  });
}

function movedTo(port: number, expected: number): EmbeddedError {
  return new EmbeddedError(
    'start_failed',
    `PostgreSQL came back on port ${port}, because another program has taken port ${expected}.`,
  );
}
