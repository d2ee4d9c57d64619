import { Database } from '@dunlin/postgres';
import type { Logger } from 'pino';

interface SettingsRow {
  standbys: string;
  commit: string;
}

/** Read in a session of the wallet's own role, so what is set for the role or the database counts. */
const SETTINGS =
  "SELECT current_setting('synchronous_standby_names') AS standbys, current_setting('synchronous_commit') AS commit";

/** Commits that wait for nobody but this server. */
const WITHOUT_STANDBY = new Set(['off', 'local']);

/**
 * Says in the log when a promotion could lose what was acknowledged: somebody who names several hosts expects promotions, and only a
 * commit that waits for a standby outlives the server. It is no reason not to start: right after a promotion, the new primary has no standby yet.
 */
export async function warnUnlessSynchronous(url: string, logger: Logger): Promise<void> {
  const database = new Database({ connectionString: url, poolSize: 1, applicationName: 'dunlin-start', logger });
  try {
    const { rows } = await database.query<SettingsRow>(SETTINGS);
    const { standbys = '', commit = '' } = rows[0] ?? {};
    if (standbys !== '' && !WITHOUT_STANDBY.has(commit)) return;
    logger.warn(
      { synchronousStandbyNames: standbys, synchronousCommit: commit },
      'commits do not wait for a standby: a promotion can lose payments that were acknowledged',
    );
  } finally {
    await database.close();
  }
}
