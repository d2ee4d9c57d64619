import { EmbeddedError } from '@dunlin/embedded';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import { KeyringError } from '../keys/keyring.js';
import { MasterKeyError } from '../keys/master-key.js';
import { LedgerSetupError } from '../ledger/errors.js';
import { StartError } from './start-error.js';

/** Plain words for what its reader can mend; for anything else, which is a bug, the whole story. */
export function explain(error: unknown): string {
  const isForTheReader =
    error instanceof ConfigError ||
    error instanceof StartError ||
    error instanceof EmbeddedError ||
    error instanceof MasterKeyError ||
    error instanceof KeyringError ||
    error instanceof LedgerSetupError;
  if (isForTheReader) return error.message;
  return `The wallet could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** Why the port could not be bound, when it is something that whoever starts the wallet can mend; else the error itself. */
export function portProblem(config: Config, error: unknown): unknown {
  const { host, port } = config.http;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartError(
        `Port ${port} on ${host} is taken by another program. Set PORT to a free one, for example: PORT=${port + 1} npm start`,
        error,
      );
    case 'EACCES':
      return new StartError(`This user may not use port ${port}. Set PORT to one above 1023.`, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartError(
        `${host} is no address of this machine. Set HOST to one, for example 127.0.0.1 or 0.0.0.0.`,
        error,
      );
    default:
      return error;
  }
}
