import type { MaintenanceJob } from '@dunlin/postgres';
import type { Queryable } from '../keys/queryable.js';
import { sweepSessions } from './sessions-statements.js';

const batch = 10_000;
/** For a day after its end a session still tells why it ended; afterwards its tokens are unknown, which is answered alike. */
const keptSeconds = 86_400;

/** Forgets sessions that ended or expired more than a day ago, in batches, so that no lock is held for long. */
export function sessionSweepJob(database: Queryable): MaintenanceJob {
  return {
    name: 'session_sweep',
    async run({ signal }) {
      let removed = 0;
      // One statement takes a batch of the expired and one of the ended, so less than one batch means that both are done.
      for (let found = batch; found >= batch && !signal.aborted; removed += found) {
        found = (await database.query(sweepSessions, [keptSeconds, batch])).rowCount;
      }
      return { detail: `${removed} sessions were forgotten.`, counts: { removed } };
    },
  };
}
