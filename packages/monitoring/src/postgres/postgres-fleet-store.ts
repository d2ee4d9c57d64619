import type { FleetStore, PublishedFigures } from '../fleet/published-figures.js';
import type { Queryable } from '../queryable.js';

const LONG_WINDOWS = [300, 3600] as const;

/** One row an instance, overwritten at every publication. */
export class PostgresFleetStore implements FleetStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async publish(figures: PublishedFigures, peersSince: Date): Promise<number> {
    const long: PublishedFigures['windows'] = {};
    const windows = { ...figures.windows };
    for (const window of LONG_WINDOWS) {
      if (windows[window]?.endpoints === undefined) continue;
      const { endpoints, ...rest } = windows[window];
      windows[window] = rest;
      long[window] = { ...rest, endpoints };
    }
    const document = JSON.stringify({ ...figures, windows });
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

  async countPeers(instanceId: string, since: Date): Promise<number> {
    const { rows } = await this.#database.query<{ peers: number }>(
      'SELECT count(*)::int AS peers FROM monitoring_instances WHERE instance_id <> $1 AND published_at >= $2',
      [instanceId, since],
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
      const windows = { ...figures.windows };
      const long = JSON.parse(row.long_windows) as PublishedFigures['windows'];
      for (const window of LONG_WINDOWS) {
        const before = long[window];
        if (before !== undefined) windows[window] = { ...before, ...windows[window] };
      }
      return { ...figures, windows };
    });
  }

  async prune(before: Date): Promise<void> {
    await this.#database.query('DELETE FROM monitoring_instances WHERE published_at < $1', [before]);
  }
}
