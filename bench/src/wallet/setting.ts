import type { BenchContext } from '../harness/suite.js';
import { openBenchServer, type BenchServer } from '../ledger/bench-server.js';
import { yardstickAccounts } from '../ledger/yardstick.js';
import { openUserLoad, type UserLoad } from './transfer-load.js';
import { startWallet, type BenchWallet } from './wallet-process.js';
import { requireWrk } from './wrk.js';

/** What every question about the wallet works with. */
export interface WalletSetting {
  readonly server: BenchServer;
  readonly load: UserLoad;
  /** One more wallet on the same database. All are stopped in the end. */
  start(): Promise<BenchWallet>;
}

/** Opens the server with its ledger, then `work`, then closes whatever was started. */
export async function inSetting<Value>(
  { cores }: BenchContext,
  work: (setting: WalletSetting) => Promise<Value>,
): Promise<Value> {
  requireWrk();
  const server = await openBenchServer(yardstickAccounts);
  const wallets: BenchWallet[] = [];
  try {
    const load = await openUserLoad(server, cores.other);
    return await work({
      server,
      load,
      async start() {
        const wallet = await startWallet(server.dataFolder, cores.measured);
        wallets.push(wallet);
        return wallet;
      },
    });
  } finally {
    await Promise.all(wallets.map((wallet) => wallet.stop()));
    await server.close();
  }
}
