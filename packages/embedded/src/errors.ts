/** Why an embedded PostgreSQL could not be had; `message` is written for whoever runs the program. */
export type EmbeddedErrorCode =
  | 'unsupported_platform'
  | 'cannot_drop_privileges'
  | 'initialisation_failed'
  | 'start_failed'
  | 'other_major_version'
  | 'folder_not_writable'
  | 'folder_of_another_user'
  | 'foreign_folder'
  | 'keeper_failed'
  | 'backup_target'
  | 'backup_failed'
  | 'no_backup'
  | 'backup_damaged'
  | 'data_folder_in_use'
  | 'recovery_target'
  | 'archive_unusable'
  | 'archive_not_in_use'
  | 'timed_out';

/** The one error class of this package; `code` is stable. */
export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EmbeddedError';
    this.code = code;
  }
}
