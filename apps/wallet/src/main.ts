import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { runWallet } from './process/run-wallet.js';
import { runWorker, WORKER_MARK } from './process/run-worker.js';

// The process entry, run by `npm start` from apps/wallet/dist/src. The data lie in the clone's own `data` folder.
const isWorker = cluster.isWorker && process.env[WORKER_MARK] !== undefined;
const loadApp = async () => (await import('./app.js')).buildApp;
const run = isWorker ? runWorker : runWallet;
await run(loadApp, process.env, fileURLToPath(new URL('../../../../data', import.meta.url)));
