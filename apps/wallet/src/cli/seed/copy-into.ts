import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Sends `rows`, one complete COPY in the binary format, to `table`. Nothing is sent for an empty buffer. */
export async function copyInto(
  client: pg.Client,
  target: { table: string; columns: string; freeze: boolean },
  rows: Buffer,
): Promise<void> {
  if (rows.length === 0) return;
  const { table, columns, freeze } = target;
  const stream = client.query(
    copyFrom(`copy ${table} (${columns}) from stdin with (format binary${freeze ? ', freeze' : ''})`),
  );
  stream.end(rows);
  await finished(stream);
}
