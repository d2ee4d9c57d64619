import { statement, type Database, type ReadOptions } from '@dunlin/postgres';
import { readTransactionHistory, historyPage, type HistoryPage, type HistoryRow } from './history.js';
import { decodeCursor } from './history-cursor.js';
import { resolveHistoryOptions, type HistoryOptions } from './history-options.js';
import { historyStatement } from './history-statement.js';

/** Who answered reads of the history that a replica might have answered, since the start. */
export interface ReplicaReads {
  replica: number;
  /** By the reason for which the primary did. `behind`: the replica had not yet replayed all that its reader must see. */
  primary: Record<'behind' | 'none_current' | 'busy' | 'failed', number>;
}

const versionStatement = statement('account_version', 'select version from accounts where id = $1', { readOnly: true });
const onReplica: ReadOptions = { replica: 'allowed' };

type VersionedRow = HistoryRow & { seen_version: bigint | null };

/**
 * Reads the history from a replica that is proven to show everything that its reader must see, else from the primary.
 *
 * Every commit that changes what an account's history shows raises the account's version. So the page is read together with the
 * version that the replica's snapshot has of the account, while the primary is asked for the version alone: one look into an index. The page
 * counts only if its version is at least the primary's. The primary is asked after the read has begun; whatever was acknowledged
 * before that is in its answer, whichever instance wrote it, and hence in the page. A replica that stands still for everybody else may serve all the same.
 */
export class HistoryReader {
  private discarded = 0;

  constructor(
    private readonly database: Database,
    readonly hasReplicas: boolean,
  ) {}

  /** @throws InvalidQueryOption that names what cannot be used. */
  async read(userId: string, options: HistoryOptions): Promise<HistoryPage> {
    if (!this.hasReplicas) return readTransactionHistory(this.database, userId, options);
    const request = resolveHistoryOptions(options);
    const after = request.cursor === undefined ? undefined : decodeCursor(request.cursor, request.filters);
    const { statement: page, values } = historyStatement(userId, request, after, { withVersion: true });
    const { timeline } = this.database;
    const [found, current] = await Promise.all([
      this.database.query<VersionedRow>(page, values, onReplica),
      this.database.query<{ version: bigint }>(versionStatement, [userId]),
    ]);
    // Versions of two branches of the log are no measure of each other.
    const isOneBranch = timeline === this.database.timeline;
    if (found.replica === undefined || (isOneBranch && isCurrent(found.rows, current.rows[0]?.version))) {
      return historyPage(request, found.rows);
    }
    this.discarded += 1;
    return readTransactionHistory(this.database, userId, options);
  }

  reads(): ReplicaReads {
    const { served, leftToPrimary } = this.database.replicaStatus().reads;
    return {
      replica: served - this.discarded,
      primary: { ...leftToPrimary, behind: leftToPrimary.behind + this.discarded },
    };
  }
}

/** An account that the replica does not know yet is behind; one that the primary does not know has no history anywhere. */
function isCurrent(rows: readonly VersionedRow[], needed: bigint | undefined): boolean {
  const seen = rows[0]?.seen_version ?? null;
  return needed === undefined || (seen !== null && seen >= needed);
}
