import { resolveOptions, type DatabaseOptions } from '../options.js';
import { createFinder } from '../pool/owned-pool.js';

/**
 * The connection string of the one server that is the primary now, of those that `connectionString` names; for programs that
 * connect by themselves. One host is given back as it is, without a look. Rejects with what each server answered when none
 * is a primary. Costs a connection to each.
 */
export async function findPrimary(
  connectionString: string,
  options: Pick<DatabaseOptions, 'fence' | 'logger' | 'connectTimeoutMs'> = {},
): Promise<string> {
  const finder = createFinder(resolveOptions({ ...options, connectionString }));
  try {
    return (await finder.find()).connectionString ?? connectionString;
  } finally {
    finder.close();
  }
}
