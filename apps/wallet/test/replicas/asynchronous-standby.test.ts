import {
  makeScratchFolder,
  promoteTestReplica,
  removeScratchFolder,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
} from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Balance } from '../http/support/client.js';
import { startApp, type RunningApp } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';

let folder: string;
let primary: TestPostgres;
let standby: TestPostgres;
let one: RunningApp;
let other: RunningApp;

beforeAll(async () => {
  folder = makeScratchFolder();
  primary = await startTestPostgres();
  standby = await startTestReplica(primary);
  const hosts = primary.ownerUrl.replace(`:${primary.port}/`, `:${primary.port},127.0.0.1:${standby.port}/`);
  const database = { url: primary.ownerUrl, name: 'wallet', close: () => Promise.resolve() };
  one = await startApp({ database, environment: { DATABASE_URL: hosts, DATA_DIR: folder } });
  other = await startApp({ database, environment: one.environment });
});
afterAll(async () => {
  await other.close();
  await one.close();
  await standby.stop();
  await primary.stop();
  removeScratchFolder(folder);
});

async function onStandby<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: standby.url.replace(/postgres$/, 'wallet') });
  await client.connect();
  return (await client.query(text, values).finally(() => client.end())).rows as Row[];
}

it(
  'a standby that lacks the last payments takes over: no memory goes on showing them, and what is paid from then on shows at once',
  { timeout: 240_000 },
  async () => {
    const payer = await one.fundedUser('100');
    const payee = await one.newUser();
    const elsewhere = payer.http.at(other.url);
    const standbyHas = 'SELECT balance::int AS balance FROM accounts WHERE id = $1';
    await expect.poll(() => onStandby(standbyHas, [payer.id]), { timeout: 20_000 }).toEqual([{ balance: 100 }]);
    // From here on the standby receives nothing, neither money nor leases, and nobody waits for it. Frozen, it would still find
    // what the kernel had taken in for it.
    await standby.kill9();
    expect((await payer.http.transfer(payee.id, '1')).status).toBe(201);
    await whileLeased([other], async () => {
      expect((await elsewhere.balance()).available).toBe('99');
      expect((await elsewhere.get('/wallet/balance')).headers.get('cache-status')).toContain('hit');
    });
    await primary.kill9();
    await standby.restart();
    await promoteTestReplica(standby);
    // The payment was lost with the primary: that is what an asynchronous standby means, and the start has said so.
    expect(await onStandby(standbyHas, [payer.id])).toEqual([{ balance: 100 }]);
    const shown = async (): Promise<string> => {
      const { status, body } = await elsewhere.get<Balance>('/wallet/balance');
      return status === 200 ? body.available : String(status);
    };
    await expect.poll(shown, { timeout: 30_000 }).toBe('100');
    for (let paid = 1; paid <= 10; paid += 1) {
      const pay = async () => (await payer.http.transfer(payee.id, '1', `paid-${paid}`)).status;
      await expect.poll(pay, { timeout: 20_000 }).toBe(201);
      expect((await elsewhere.balance()).available).toBe(String(100 - paid));
      expect((await payer.http.balance()).available).toBe(String(100 - paid));
    }
  },
);
