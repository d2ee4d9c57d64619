import type { Suite } from '../harness/suite.js';
import { balance } from './questions/balance.js';
import { secondStart } from './questions/start.js';
import { transferAlone, transfers } from './questions/transfers.js';
import { twoInstances } from './questions/instances.js';

/** The wallet over HTTP, as `npm start` runs it. */
export const walletSuite: Suite = {
  name: 'wallet',
  title: 'The wallet over HTTP',
  questions: [
    { name: 'balance', run: balance },
    { name: 'transfers', run: transfers },
    { name: 'transfer-alone', run: transferAlone },
    { name: 'two-instances', run: twoInstances },
    { name: 'second-start', run: secondStart },
  ],
};
