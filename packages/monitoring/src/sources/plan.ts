import type { Clock } from '../clock.js';
import type { DatabaseSource } from './database-source.js';

const PATIENCE_MS = 2_000;

/** The plan of a statement in words; undefined when there is none, or none within two seconds. Never rejects. */
export async function planWithin(
  database: DatabaseSource | undefined,
  fingerprint: string,
  clock: Clock,
): Promise<string | undefined> {
  if (database?.planOf === undefined) return undefined;
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => (cancel = clock.schedule(() => resolve(undefined), PATIENCE_MS)));
  try {
    return await Promise.race([database.planOf(fingerprint), late]);
  } catch {
    // Evidence without its plan is still evidence; that the database is in trouble is told elsewhere.
    return undefined;
  } finally {
    cancel();
  }
}
