import type { Suite } from './harness/suite.js';

/** Loaded when asked for, so that a bench does not need what another one measures. */
const suites: Readonly<Record<string, () => Promise<Suite>>> = {
  cache: async () => (await import('./cache/cache-suite.js')).cacheSuite,
  monitoring: async () => (await import('./monitoring/monitoring-suite.js')).monitoringSuite,
  postgres: async () => (await import('./postgres/postgres-suite.js')).postgresSuite,
  ledger: async () => (await import('./ledger/ledger-suite.js')).ledgerSuite,
  wallet: async () => (await import('./wallet/wallet-suite.js')).walletSuite,
  mainstream: async () => (await import('./mainstream/mainstream-suite.js')).mainstreamSuite,
};

export const suiteNames: readonly string[] = Object.keys(suites);

export async function findSuite(name: string): Promise<Suite> {
  const load = suites[name];
  if (!load) throw new Error(`there is no bench named ${name}`);
  return load();
}
