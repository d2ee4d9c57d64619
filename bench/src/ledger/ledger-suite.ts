import type { Suite } from '../harness/suite.js';
import { alone } from './questions/alone.js';
import { throughput } from './questions/throughput.js';

/** The ledger beside pgbench, with no HTTP. */
export const ledgerSuite: Suite = {
  name: 'ledger',
  title: 'The ledger beside pgbench',
  questions: [
    { name: 'throughput', run: throughput },
    { name: 'alone', run: alone },
  ],
};
