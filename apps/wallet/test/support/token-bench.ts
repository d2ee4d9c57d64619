import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { loadKeyring } from '../../src/keys/keyring.js';
import { parseMasterKey } from '../../src/keys/master-key.js';
import { Ledger, type LedgerCommit } from '../../src/ledger/ledger.js';
import { openTokens, type Tokens } from '../../src/tokens/open-tokens.js';
import type { SyncOutcome, TransferResult } from '../../src/tokens/sync/transfer-sync.js';
import { divideToken, type DivisionOutcome } from '../../src/tokens/token-division.js';
import { newDevice, type Device } from './device.js';
import { idempotency, minor, openLedgerBench, type LedgerBench } from './ledger.js';

/** A user with a device, as the bench opens them. */
export interface Holder {
  id: string;
  device: Device;
}

/** Tokens over a real ledger, without HTTP. Each of `instances` is a wallet of its own over the one database. */
export interface TokenBench {
  bench: LedgerBench;
  instances: (Tokens & { ledger: Ledger })[];
  commits: LedgerCommit[];
  /** A user with a registered device and `amount` minor units. */
  holder(amount?: bigint): Promise<Holder>;
  addDevice(userId: string): Promise<Device>;
  /** One token for each amount. */
  buy(holder: Holder, ...amounts: number[]): Promise<string[]>;
  sync(
    by: Holder,
    transfers: readonly string[],
    options?: { redeem?: boolean; instance?: number },
  ): Promise<TransferResult[]>;
  divide(holder: Holder, token: string, amounts: readonly number[]): Promise<DivisionOutcome>;
  close(): Promise<void>;
}

export async function openTokenBench(count = 1, limits: { maxHops?: number } = {}): Promise<TokenBench> {
  const bench = await openLedgerBench({ poolSize: 16, maxConcurrentBatches: 4 });
  const { database } = bench;
  const keyring = await loadKeyring(database, parseMasterKey(randomBytes(32).toString('hex')));
  const commits: LedgerCommit[] = [];
  const instances = Array.from({ length: count }, (_, at) => {
    const announcing = {
      database,
      writer: `instance-${at}`,
      afterCommit: async (commit: LedgerCommit) => void commits.push(commit),
      afterUnknownOutcome: () => {},
    };
    const ledger = new Ledger({ ...announcing, currency: 'EUR', maxConcurrentBatches: 4 });
    const bounds = { ttlSeconds: 86_400, maxAmountMinor: 1_000_000n, maxHops: limits.maxHops ?? 5 };
    return { ledger, ...openTokens({ commits: announcing, ledger, keyring, limits: bounds }) };
  });
  const addDevice = async (userId: string): Promise<Device> => {
    const device = newDevice();
    await database.query(`insert into public_keys (id, type, user_id, jwk) values ($1, 'user', $2, $3)`, [
      device.keyId,
      userId,
      JSON.stringify(device.publicJwk),
    ]);
    return device;
  };
  return {
    bench,
    instances,
    commits,
    addDevice,
    async holder(amount = 0n) {
      const id = await bench.openUser();
      if (amount > 0n) await bench.fund(id, amount);
      return { id, device: await addDevice(id) };
    },
    async buy(holder, ...amounts) {
      const amount = minor(amounts.reduce((sum, one) => sum + one, 0));
      const denominations = amounts.map((one) => minor(one));
      const bought = await instances[0]?.tokens.purchase({
        userId: holder.id,
        amount,
        denominations,
        idempotency: idempotency(holder.id),
      });
      if (bought?.kind !== 'completed') throw new Error(`nothing was bought: ${JSON.stringify(bought)}`);
      return bought.tokens.map(({ compact }) => compact);
    },
    async sync(by, transfers, { redeem = false, instance = 0 } = {}) {
      const outcome = await (instances[instance] as Tokens).sync.sync({
        callerId: by.id,
        transfers,
        redeem,
        idempotency: idempotency(by.id, uuidv7()),
      });
      return completed(outcome);
    },
    divide: (holder, token, amounts) =>
      divideToken((instances[0] as Tokens).division, {
        userId: holder.id,
        token,
        amounts: amounts.map((amount) => minor(amount)),
        idempotency: idempotency(holder.id),
      }),
    async close() {
      for (const instance of instances) await instance.close();
      await bench.close();
    },
  };
}

function completed(outcome: SyncOutcome): TransferResult[] {
  if (outcome.kind !== 'completed') throw new Error(`the sync was refused: ${outcome.code}`);
  return outcome.results;
}

/** `accepted`, `duplicate`, or the code of what was rejected. */
export const words = (results: readonly TransferResult[]): string[] =>
  results.map(({ status, code }) => code ?? status);
