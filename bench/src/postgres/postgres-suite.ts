import type { Suite } from '../harness/suite.js';
import { observation } from './questions/observation.js';

/** The wallet's statements on a ledger of three million transactions, and what @dunlin/postgres adds to them. */
export const postgresSuite: Suite = {
  name: 'postgres',
  title: 'The wallet on PostgreSQL',
  questions: [{ name: 'observation', run: observation }],
};
