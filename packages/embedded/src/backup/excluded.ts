import { basename } from 'node:path';

/** Folders whose content belongs to the running server alone; the folder itself is wanted. The log is no part of the data. */
const EMPTIED = [
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
  'log',
];
const LEFT_OUT = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'current_logfiles',
  'backup_label',
  'tablespace_map',
  'backup_manifest',
  'backup_label.old',
  'tablespace_map.old',
  'postgresql.auto.conf.tmp',
]);

/** Whether this path, relative to the cluster, has no place in a base backup (the list is that of pg_basebackup). */
export function isExcluded(path: string): boolean {
  const [top = '', ...below] = path.split('/');
  if (below.length > 0 && EMPTIED.includes(top)) return true;
  const name = basename(path);
  return LEFT_OUT.has(name) || name.startsWith('pgsql_tmp') || name.startsWith('pg_internal.init');
}
