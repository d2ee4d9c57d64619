export { openEmbeddedServer, type EmbeddedServer, type EmbeddedServerOptions } from './embedded-server.js';
export { EmbeddedError, type EmbeddedErrorCode } from './errors.js';
export { binariesAt, findBinaries, type Binaries } from './binaries.js';
export { chooseDescent, type Descent } from './unprivileged.js';
export {
  generateCredentials,
  initialiseCluster,
  clusterVersion,
  giveCluster,
  type Credentials,
  type Login,
} from './cluster.js';
export {
  startPostmaster,
  stopPostmaster,
  killPostmaster,
  findRunningPostmaster,
  type Postmaster,
  type StartOptions,
} from './postmaster.js';
export { processTree, processesInside, isAlive } from './processes.js';
export { DURABLE_SETTINGS, BASE_SETTINGS, LOG_FILE_SETTINGS, type ServerSettings } from './settings.js';
export { freePort } from './free-port.js';
export { tryProcessLock, type LockOutcome } from './process-lock.js';
export { takeBackup, type BackupOptions, type BackupSession } from './backup/take-backup.js';
export { verifyBackup } from './backup/verify-backup.js';
export { restoreBackup, type RestoreOptions, type RestoredDatabase } from './backup/restore-backup.js';
export { backupFolderAt, readDescription, type BackupDescription, type BackupFolder } from './backup/description.js';
export { archiveOf, type WalArchive } from './backup/wal-archive.js';
export { beginUpgrade, type Upgrade, type UpgradeOptions, type UpgradeServer, type UpgradeStart } from './upgrade.js';
