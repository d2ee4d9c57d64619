import type { FleetStore, PublishedFigures } from '../fleet/published-figures.js';
import type { Queryable } from '../queryable.js';

/** One row an instance, overwritten at every publication. */
export class PostgresFleetStore implements FleetStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async publish(figures: PublishedFigures, peersSince: Date): Promise<number> {
    const { windows, ...rest } = figures;
    const { 60: minute, ...long } = windows;
    const document = JSON.stringify({ ...rest, windows: minute === undefined ? {} : { 60: minute } });
    const { rows } = await this.#database.query<{ peers: number }>(
      `WITH mine AS (
         INSERT INTO monitoring_instances AS before (instance_id, published_at, document, long_windows)
         VALUES ($1, $2, $3, coalesce($4, '{}'))
         ON CONFLICT (instance_id) DO UPDATE SET published_at = excluded.published_at, document = excluded.document,
           long_windows = coalesce($4, before.long_windows)
       )
       SELECT count(*)::int AS peers FROM monitoring_instances WHERE instance_id <> $1 AND published_at >= $5`,
      [
        figures.instanceId,
        new Date(figures.publishedAtMs),
        document,
        Object.keys(long).length === 0 ? null : JSON.stringify(long),
        peersSince,
      ],
    );
    return rows[0]?.peers ?? 0;
  }

  async readAll(since: Date): Promise<PublishedFigures[]> {
    const { rows } = await this.#database.query<{ document: string; long_windows: string }>(
      'SELECT document, long_windows FROM monitoring_instances WHERE published_at >= $1 ORDER BY published_at DESC LIMIT 100',
      [since],
    );
    return rows.map((row) => {
      const figures = JSON.parse(row.document) as PublishedFigures;
      return {
        ...figures,
        windows: { ...figures.windows, ...(JSON.parse(row.long_windows) as PublishedFigures['windows']) },
      };
    });
  }

  async prune(before: Date): Promise<void> {
    await this.#database.query('DELETE FROM monitoring_instances WHERE published_at < $1', [before]);
  }
}
