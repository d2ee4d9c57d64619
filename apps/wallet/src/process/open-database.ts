import { mkdir } from 'node:fs/promises';
import { openEmbeddedServer } from '@dunlin/embedded';
import type { Config } from '../config/config.js';
import type { ConnectionRoom } from './connection-room.js';
import { probeDatabase } from './external-database.js';
import { primaryUrl } from './primary-url.js';

/** The database that the wallet runs on. */
export interface OpenDatabase {
  /** With the login. */
  readonly url: string;
  /** The connections that it had left when it was opened. */
  readonly room: ConnectionRoom;
  /** The embedded server's superuser, for what the wallet's own role may not do. */
  readonly superuserUrl?: string;
  /** Gives the embedded server back; does nothing for an external one. */
  close(): Promise<void>;
}

/**
 * Brings the embedded server up, or makes sure that the external one can be used.
 * `onLost` is called when an embedded server is gone for good. Throws `StartError` or `EmbeddedError`.
 */
export async function openDatabase(config: Config, onLost: (error: Error) => void): Promise<OpenDatabase> {
  if (config.database.kind === 'server') {
    const connectionString = await primaryUrl(config.database);
    const room = await probeDatabase(connectionString);
    // The master key's file lies here when no MASTER_KEY is given.
    await mkdir(config.dataFolder, { recursive: true, mode: 0o700 });
    return { url: connectionString, room, close: () => Promise.resolve() };
  }
  const server = await openEmbeddedServer({
    dataFolder: config.database.dataFolder,
    onLost,
    ...(config.database.walArchive === undefined ? {} : { walArchive: config.database.walArchive }),
  });
  const room = await probeDatabase(server.url).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return {
    url: server.url,
    room,
    superuserUrl: server.superuserUrl,
    async close() {
      // Not in time means that the keeper goes on stopping the server by itself, so there is nothing left to do here.
      await server.close();
    },
  };
}
