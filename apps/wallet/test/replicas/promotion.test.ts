import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  makeScratchFolder,
  promoteTestReplica,
  removeScratchFolder,
  requireSynchronousStandby,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
} from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Balance, HttpClient } from '../http/support/client.js';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';

/** One payment that was asked for; `id` once the wallet has given its word. */
interface Payment {
  readonly key: string;
  readonly payer: RunningUser;
  id: string | undefined;
}

const funded = 1_000_000;
let folder: string;
let primary: TestPostgres;
let standby: TestPostgres;
let one: RunningApp;
let other: RunningApp;
let payee: RunningUser;

beforeAll(async () => {
  folder = makeScratchFolder();
  primary = await startTestPostgres({ durable: true });
  standby = await startTestReplica(primary);
  const hosts = primary.ownerUrl.replace(`:${primary.port}/`, `:${primary.port},127.0.0.1:${standby.port}/`);
  const database = { url: primary.ownerUrl, name: 'wallet', close: () => Promise.resolve() };
  one = await startApp({ database, environment: { DATABASE_URL: hosts, DATA_DIR: folder } });
  other = await startApp({ database, environment: one.environment });
  payee = await one.newUser();
  await requireSynchronousStandby(primary);
});
afterAll(async () => {
  await other.close();
  await one.close();
  await standby.stop();
  await primary.stop();
  removeScratchFolder(folder);
});

async function asAdmin<T>(server: TestPostgres, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: server.url.replace(/postgres$/, 'wallet') });
  await client.connect();
  return work(client).finally(() => client.end());
}

/** Pays 1 by this instance; the answer's status, or 0 when none came. */
async function pay(by: RunningApp, payment: Payment): Promise<number> {
  const client: HttpClient = by.http.with(payment.payer.session.accessToken);
  const call = { body: { receiverId: payee.id, amount: '1' }, key: payment.key };
  const answer = await client.call<{ id: string }>('POST', '/wallet/transfers', call).catch(() => undefined);
  if (answer?.status === 201) payment.id = answer.body.id;
  else expect([undefined, 409, 503], answer?.text).toContain(answer?.status);
  return answer?.status ?? 0;
}

async function payUntilSure(by: RunningApp, payment: Payment): Promise<void> {
  await expect.poll(() => pay(by, payment), { timeout: 30_000, interval: 100 }).toBe(201);
}

const newPayment = (payer: RunningUser): Payment => ({ key: randomUUID(), payer, id: undefined });

/**
 * Cancels every wait for the standby until `asked` is answered. Renewals of leases wait for it too, and hold up payments meanwhile,
 * so one cancel is not enough to let the payment's own wait begin.
 */
async function whileWaitsAreCancelled(asked: Promise<number>): Promise<number> {
  let isAnswered = false;
  const answer = asked.finally(() => (isAnswered = true));
  await asAdmin(primary, async (client) => {
    const cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while (!isAnswered) await Promise.all([client.query(cancel), new Promise((resolve) => setTimeout(resolve, 10))]);
  });
  return answer;
}

it(
  'acknowledges no payment that no standby has confirmed, and none when it is asked again either',
  { timeout: 240_000 },
  async () => {
    const payer = await one.fundedUser('100');
    const payment = newPayment(payer);
    standby.pause();
    try {
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        expect(await whileWaitsAreCancelled(pay(one, payment))).toBe(503);
      }
    } finally {
      standby.resume();
    }
    await payUntilSure(other, payment);
    const { body } = await payer.http.call<Balance>('GET', '/wallet/balance');
    expect(body.available).toBe('99');
  },
);

it(
  'loses nothing that it acknowledged when the standby takes over under load, and shows no older balance meanwhile',
  { timeout: 240_000 },
  async () => {
    const payers = await Promise.all(Array.from({ length: 4 }, () => one.fundedUser(String(funded))));
    const watched = await one.fundedUser(String(funded));
    const payments: Payment[] = [];
    let stopping = false;
    const acknowledged = (): number => payments.filter(({ id }) => id !== undefined).length;
    const hand = async (by: RunningApp, payer: RunningUser): Promise<void> => {
      while (!stopping) {
        const payment = newPayment(payer);
        payments.push(payment);
        if ((await pay(by, payment)) !== 201) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    /** Pays by one instance and looks by the other: what was acknowledged shows there, before, across and after. */
    let looks = 0;
    const lookout = async (): Promise<void> => {
      for (let paid = 1; !stopping; paid += 1) {
        await payUntilSure(one, newPayment(watched));
        const balance = other.http.with(watched.session.accessToken);
        const read = await balance.call<Balance>('GET', '/wallet/balance').catch(() => undefined);
        if (read?.status === 200) {
          expect(read.body.available).toBe(String(funded - paid));
          looks += 1;
        }
      }
    };
    const load = [lookout(), ...payers.flatMap((payer) => [hand(one, payer), hand(other, payer)])];
    await expect.poll(acknowledged, { timeout: 30_000 }).toBeGreaterThan(100);
    await primary.kill9();
    const [before, looksBefore] = [acknowledged(), looks];
    await promoteTestReplica(standby);
    await expect.poll(acknowledged, { timeout: 30_000 }).toBeGreaterThan(before + 100);
    await expect.poll(() => looks, { timeout: 30_000 }).toBeGreaterThan(looksBefore + 5);
    stopping = true;
    await Promise.all(load);

    const promised = payments.flatMap(({ id }) => (id === undefined ? [] : [id]));
    const kept = await asAdmin(standby, (client) =>
      client.query<{ id: string }>('SELECT id FROM transactions WHERE id = ANY ($1)', [promised]),
    );
    expect(kept.rows.length).toBe(new Set(promised).size);
    expect(payments.length).toBeGreaterThan(promised.length);
    for (const payment of payments.filter(({ id }) => id === undefined)) await payUntilSure(other, payment);
    for (const payer of payers) {
      const { body } = await other.http.with(payer.session.accessToken).call<Balance>('GET', '/wallet/balance');
      expect(body.available).toBe(String(funded - payments.filter((payment) => payment.payer === payer).length));
    }
    const { sum, discrepancies } = await one.app.queryOptimizationService.reconcile();
    expect({ sum, discrepancies }).toEqual({ sum: 0n, discrepancies: [] });
  },
);

it('never writes to the former primary that came back as one', { timeout: 240_000 }, async () => {
  const entries = 'SELECT count(*)::int AS n FROM transactions';
  await primary.restart();
  const before = await asAdmin(primary, (client) => client.query<{ n: number }>(entries));
  const payer = await one.fundedUser('100');
  await payUntilSure(one, newPayment(payer));
  // The only server that answers now is the wrong one.
  await standby.kill9();
  for (const by of [one, other]) expect(await pay(by, newPayment(payer))).not.toBe(201);
  for (const by of [one, other]) expect(await pay(by, newPayment(payer))).toBe(503);
  expect((await asAdmin(primary, (client) => client.query<{ n: number }>(entries))).rows).toEqual(before.rows);
  // A wallet that starts now has seen neither server, but knows what the others have seen.
  expect(JSON.parse(readFileSync(join(folder, 'primary.json'), 'utf8'))).toMatchObject({ timeline: 2 });
  const database = { url: primary.ownerUrl, name: 'wallet', close: () => Promise.resolve() };
  await expect(startApp({ database, environment: one.environment })).rejects.toThrow(/has seen timeline 2/);
  await standby.restart();
  await payUntilSure(one, newPayment(payer));
  expect((await asAdmin(primary, (client) => client.query<{ n: number }>(entries))).rows).toEqual(before.rows);
});
