import { totalmem } from 'node:os';

/** Server settings by name, as `postgres -c name=value` takes them. */
export type ServerSettings = Readonly<Record<string, string>>;

/**
 * The settings of a server that keeps money. They are passed on the command line, which wins over the configuration
 * files and over ALTER SYSTEM, so that an acknowledged write is on the disk whatever those say.
 */
export const DURABLE_SETTINGS: ServerSettings = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
};

/** What every server of ours gets, tests included. */
export const BASE_SETTINGS: ServerSettings = {
  listen_addresses: '127.0.0.1',
  // No socket file: its path would have to be shorter than 108 bytes, which a clone's folder need not be.
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  checkpoint_timeout: '5min',
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.max': '5000',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A statement's detail and literals can hold what people sent ("Key (email)=(…) already exists"); a log may not.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
};

const MEBIBYTE = 1024 * 1024;

/**
 * What a server that does the work of a service gets beyond the modest base: a quarter of the memory that this process may use
 * for its pages (128 MB to 1 GB, taken as it is touched), and log enough between checkpoints that they come by the clock; after each
 * of them the first change of a page writes it whole, five times the usual log.
 */
export function workingSettings(memoryBytes: number = usableMemory()): ServerSettings {
  const quarter = Math.floor(memoryBytes / 4 / MEBIBYTE);
  return { shared_buffers: `${Math.min(1024, Math.max(128, quarter))}MB`, max_wal_size: '4GB' };
}

/** The container's limit where there is one; without one the system states a number beyond every machine. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** A log of at most seven files of a day each, overwritten after a week, in `log` inside the cluster's folder. */
export const LOG_FILE_SETTINGS: ServerSettings = {
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'postgresql-%a.log',
  log_truncate_on_rotation: 'on',
  log_rotation_age: '1d',
  log_rotation_size: '0',
  log_file_mode: '0600',
};

/** Turns settings into `-c` arguments. */
export function settingArguments(settings: ServerSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
