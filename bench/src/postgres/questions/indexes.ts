import { named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes } from '../../harness/target.js';
import { withLedger } from '../ledger-under-test.js';
import { withSessions } from '../measure-calls.js';
import { operationsOf006 } from '../operations-of-006.js';
import { planOf, savePlan } from '../plans.js';

/** What the indexes of 006 save each operation that they serve: the same rows with them and without. */
export function indexesOf006(context: BenchContext): Promise<Answer> {
  return withLedger(context, ({ full, bare, users }) =>
    withSessions(async (measure) => {
      const operations = operationsOf006(users);
      for (const { name, call, indexes } of operations) {
        const withThem = await planOf(full.url, call);
        const missing = indexes.filter((index) => !withThem.includes(index));
        if (missing.length > 0) throw new Error(`${name}: ${missing.join(', ')} is not in its plan:\n${withThem}`);
        savePlan(`${name}.with`, call, withThem);
        savePlan(`${name}.without`, call, await planOf(bare.url, call));
      }
      const all = await measure(
        operations.flatMap(({ name, call }) => [
          { contestant: `${name}, with 006`, url: full.url, call, times: 20 },
          { contestant: `${name}, without`, url: bare.url, call, times: 1 },
        ]),
        'serverMs',
        context.rounds,
      );
      return {
        question: 'The indexes of 006',
        method:
          'Time in the server by pg_stat_statements, of the same statement on the same rows with the indexes of migration 006 and without. ' +
          'The plans of both are in `postgres-plans`; each names its index, or the question is not answered.',
        measured: all,
        targets: operations.map(({ name }) =>
          atMostTimes(`006: ${name}`, named(all, `${name}, with 006`), named(all, `${name}, without`), 0.1),
        ),
      };
    }),
  );
}
