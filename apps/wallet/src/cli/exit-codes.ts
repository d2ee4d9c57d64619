/** What the process ends with; docs/operations.md has the same table. A signal ends it with 128 and its number. */
export const exitCodes = {
  fine: 0,
  /** The command did its work, and what it found is not in order: differences, a failed step, an index that did not help. */
  foundWrong: 1,
  /** The command line or the configuration cannot be used. Nothing was done. */
  usage: 2,
  /** The database cannot be reached or used. */
  noDatabase: 3,
  /** The state of the database does not allow it: wallets are there already, the tables are in use, another run is under way. */
  notNow: 4,
  /** A bug, or an error of PostgreSQL that nothing here foresees. */
  unexpected: 70,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
