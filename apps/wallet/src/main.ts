import { fileURLToPath } from 'node:url';
import { buildApp } from './app.js';
import { runWallet } from './process/run-wallet.js';

// The process entry, run by `npm start` from apps/wallet/dist/src. The data lie in the clone's own `data` folder.
await runWallet(buildApp, process.env, fileURLToPath(new URL('../../../../data', import.meta.url)));
