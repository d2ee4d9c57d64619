import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withClient } from './data/seeded-database.js';
import type { Call } from './statements.js';

const folder = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'results', 'postgres-plans');

/** Runs a statement under EXPLAIN ANALYZE, rolled back, and gives the plan as text; with its values, as the first execution has them. */
export function planOf(url: string, { text, values }: Call): Promise<string> {
  return withClient(url, async (client) => {
    await client.query('begin');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, timing off) ${text}`, [
      ...values,
    ]);
    await client.query('rollback');
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  });
}

/** Keeps a plan beside the figures, with its statement. */
export function savePlan(name: string, { text }: Call, plan: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.txt`), `${text.trim()}\n\n${plan}\n`);
}
