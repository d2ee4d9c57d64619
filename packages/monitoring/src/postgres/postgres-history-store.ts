import type { HistoryPoint, HistoryStore } from '../history/history-store.js';
import type { Queryable } from '../queryable.js';

/** One row for five minutes of one instance. */
export class PostgresHistoryStore implements HistoryStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async add(point: HistoryPoint): Promise<void> {
    await this.#database.query(
      'INSERT INTO monitoring_history (instance_id, at, document) VALUES ($1, $2, $3::jsonb) ON CONFLICT DO NOTHING',
      [point.instanceId, new Date(point.atMs), JSON.stringify(point)],
    );
  }

  async read(since: Date): Promise<HistoryPoint[]> {
    const { rows } = await this.#database.query<{ document: string }>(
      'SELECT document::text AS document FROM monitoring_history WHERE at >= $1 ORDER BY at LIMIT 50000',
      [since],
    );
    return rows.map((row) => JSON.parse(row.document) as HistoryPoint);
  }

  async prune(before: Date): Promise<void> {
    await this.#database.query('DELETE FROM monitoring_history WHERE at < $1', [before]);
  }
}
