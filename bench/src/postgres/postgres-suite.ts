import type { Suite } from '../harness/suite.js';
import { adviceEffect } from './questions/advice.js';
import { balance } from './questions/balance.js';
import { batchUpdate } from './questions/batch-update.js';
import { expirySweep } from './questions/expiry-sweep.js';
import { history } from './questions/history.js';
import { indexesOf006 } from './questions/indexes.js';
import { observation } from './questions/observation.js';

/** The wallet's statements on a ledger of three million transactions, and what @dunlin/postgres adds to them. */
export const postgresSuite: Suite = {
  name: 'postgres',
  title: 'The wallet on PostgreSQL',
  questions: [
    { name: 'balance', run: balance },
    { name: 'history', run: history },
    { name: 'indexes', run: indexesOf006 },
    { name: 'batch-update', run: batchUpdate },
    { name: 'expiry-sweep', run: expirySweep },
    { name: 'advice', run: adviceEffect },
    { name: 'observation', run: observation },
  ],
};
