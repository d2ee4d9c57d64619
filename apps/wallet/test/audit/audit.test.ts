import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAuditPage } from '../../src/audit/audit-page.js';
import type { HttpClient, Transaction } from '../http/support/client.js';
import { openProbe } from '../http/support/ledger-state.js';
import { expectProblem } from '../http/support/problems.js';
import { startApp, userPassword, type RunningApp, type RunningUser } from '../support/app.js';
import { newDevice, type Device } from '../support/device.js';

interface Entry {
  id: string;
  at: string;
  action: string;
  actorId: string | null;
  userId: string | null;
  transactionId: string | null;
  address: string | null;
  userAgent: string | null;
  correlationId: string | null;
  detail: Record<string, unknown> | null;
}
interface Page {
  data: Entry[];
  pagination: { limit: number; hasNext: boolean; nextCursor: string | null };
}

let wallet: RunningApp;
let probe: pg.Client;
let alice: RunningUser;
let bob: RunningUser;
beforeAll(async () => {
  wallet = await startApp();
  probe = await openProbe(wallet.database.url);
  [alice, bob] = [await wallet.fundedUser('10000'), await wallet.newUser()];
});
afterAll(async () => {
  await probe?.end();
  await wallet?.close();
});

async function audit(query = ''): Promise<Page> {
  const answer = await wallet.operator.get<Page>(`/admin/audit${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

/** What a request leaves, newest first; it is sent under a correlation id of its own. */
async function linesOf(client: HttpClient, method: string, path: string, body?: unknown): Promise<Entry[]> {
  const correlationId = randomUUID();
  const answer = await client.call(method, path, {
    ...(body === undefined ? {} : { body }),
    key: randomUUID(),
    headers: { 'x-correlation-id': correlationId, 'user-agent': 'audit test' },
  });
  expect(answer.status, answer.text).toBeLessThan(300);
  return (await audit('?limit=200')).data.filter((one) => one.correlationId === correlationId);
}

async function lineOf(client: HttpClient, method: string, path: string, body?: unknown): Promise<Entry> {
  const lines = await linesOf(client, method, path, body);
  expect(lines, `${method} ${path}`).toHaveLength(1);
  return lines[0] as Entry;
}

const own = { address: '127.0.0.1' };
const withAgent = { ...own, userAgent: 'audit test' };

describe('money', () => {
  test('a transfer says who paid whom how much, from where', async () => {
    const line = await lineOf(alice.http, 'POST', '/wallet/transfers', { receiverId: bob.id, amount: '7' });
    expect(line).toMatchObject({
      action: 'money.transfer',
      actorId: alice.id,
      userId: bob.id,
      ...own,
      detail: { senderId: alice.id, receiverId: bob.id, amount: '7', currency: 'EUR' },
    });
    expect(Math.abs(Date.parse(line.at) - Date.now())).toBeLessThan(60_000);
  });

  test('a deposit names the operator, a capture who captured, a reversal who sent it back', async () => {
    const deposit = { userId: alice.id, amount: '5', reference: randomUUID() };
    expect(await lineOf(wallet.operator, 'POST', '/admin/deposits', deposit)).toMatchObject({
      action: 'money.deposit',
      actorId: wallet.operatorId,
      userId: alice.id,
    });
    const terms = { receiverId: bob.id, amount: '50', expiresInSeconds: 60 };
    const placed = await lineOf(alice.http, 'POST', '/wallet/holds', terms);
    expect(placed).toMatchObject({ action: 'money.hold', actorId: alice.id });
    const id = String(placed.transactionId);
    expect(await lineOf(bob.http, 'POST', `/wallet/holds/${id}/capture`)).toMatchObject({
      action: 'money.hold_capture',
      actorId: bob.id,
      userId: alice.id,
      transactionId: id,
      detail: { by: 'receiver' },
      ...own,
    });
    expect(await lineOf(wallet.operator, 'POST', `/wallet/transfers/${id}/reverse`)).toMatchObject({
      action: 'money.reversal',
      actorId: wallet.operatorId,
      detail: { senderId: bob.id, receiverId: alice.id },
    });
  });

  test('what is refused leaves no line', async () => {
    const before = (await audit('?limit=1')).data[0]?.id;
    expect((await bob.http.transfer(alice.id, '999999')).status).toBe(422);
    expect((await audit('?limit=1')).data[0]?.id).toBe(before);
  });
});

describe('tokens', () => {
  type Holder = RunningUser & { device: Device };
  let [carol, dave]: Holder[] = [];
  const holder = async (): Promise<Holder> => {
    const device = newDevice();
    return { ...(await wallet.newUser({ devicePublicKey: device.publicJwk })), device };
  };
  const buy = async (amount: string): Promise<string> =>
    (await carol!.http.buy(amount, { denominations: [amount] })).tokens[0]!.token;
  beforeAll(async () => {
    [carol, dave] = [await holder(), await holder()];
    await wallet.deposit(carol.id, '1000');
  });

  test('a purchase and a redemption say who, and from where', async () => {
    expect(await lineOf(carol!.http, 'POST', '/tokens/purchase', { amount: '8' })).toMatchObject({
      action: 'money.token_purchase',
      actorId: carol!.id,
      ...own,
      detail: { senderId: carol!.id, amount: '8' },
    });
    const tokens = [await buy('16')];
    expect(await lineOf(carol!.http, 'POST', '/tokens/redeem', { tokens })).toMatchObject({
      action: 'money.token_redemption',
      actorId: carol!.id,
      ...own,
      detail: { receiverId: carol!.id, amount: '16' },
    });
  });

  test('a payment made offline says who brought it in, and from where: the receiver or the payer', async () => {
    for (const by of [carol!, dave!]) {
      const transfer = await carol!.device.pay(await buy('100'), [
        [dave!.device, 30],
        [carol!.device, 70],
      ]);
      expect(await lineOf(by.http, 'POST', '/tokens/sync', { transfers: [transfer] })).toMatchObject({
        action: 'money.offline',
        actorId: by.id,
        userId: dave!.id,
        ...own,
        detail: { senderId: carol!.id, receiverId: dave!.id, amount: '30' },
      });
    }
  });

  test('each payment of a batch is told, and what was credited with it', async () => {
    const pay = async (): Promise<string> => carol!.device.pay(await buy('4'), [[dave!.device, 4]]);
    const body = { transfers: [await pay(), await pay()], redeem: true };
    const lines = await linesOf(dave!.http, 'POST', '/tokens/sync', body);
    expect(lines.map(({ action }) => action).sort()).toEqual([
      'money.offline',
      'money.offline',
      'money.token_redemption',
    ]);
    for (const line of lines) expect(line).toMatchObject({ actorId: dave!.id, ...own });
    const known = await linesOf(dave!.http, 'POST', '/tokens/sync', body);
    expect(known, 'what is brought in a second time').toEqual([]);
  });

  test('a division is told once, with what was divided', async () => {
    const { token, id } = (await carol!.http.buy('10', { denominations: ['10'] })).tokens[0]!;
    const body = { token, amounts: ['3', '7'] };
    const key = randomUUID();
    const send = () =>
      carol!.http.call('POST', '/tokens/divide', { body, key, headers: { 'user-agent': 'audit test' } });
    expect((await send()).status).toBe(201);
    expect((await send()).status).toBe(201);
    expect((await carol!.http.post('/tokens/divide', body)).status).toBe(409);
    const lines = (await audit(`?userId=${carol!.id}&action=token.divide`)).data;
    expect(lines).toEqual([
      expect.objectContaining({
        actorId: carol!.id,
        userId: carol!.id,
        transactionId: null,
        ...withAgent,
        detail: { tokenId: id, amount: '10', currency: 'EUR', parts: 2 },
      }),
    ]);
    const part = await buy('2');
    const line = await lineOf(carol!.http, 'POST', '/tokens/divide', { token: part, amounts: ['1', '1'] });
    expect(line).toMatchObject({ action: 'token.divide', ...withAgent });
  });

  test('a division that cannot be written down is not done', async () => {
    const token = await buy('10');
    const divide = () => carol!.http.post('/tokens/divide', { token, amounts: ['5', '5'] });
    await probe.query('alter table audit_log rename to audit_log_away');
    try {
      expect((await divide()).status).toBeGreaterThanOrEqual(500);
    } finally {
      await probe.query('alter table audit_log_away rename to audit_log');
    }
    expect((await divide()).status).toBe(201);
  });
});

describe('accounts and operators', () => {
  test('signing in and out, and devices', async () => {
    const body = { email: bob.email, password: userPassword };
    expect(await lineOf(wallet.http, 'POST', '/auth/login', body)).toMatchObject({
      action: 'account.login',
      actorId: bob.id,
      userId: bob.id,
      ...withAgent,
    });
    const { session } = await wallet.http.signIn(bob.email, userPassword);
    const logout = { refreshToken: session.refreshToken };
    expect(await lineOf(wallet.http, 'POST', '/auth/logout', logout)).toMatchObject({
      action: 'account.logout',
      actorId: bob.id,
    });
    const devicePublicKey = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const added = await lineOf(bob.http, 'POST', '/users/me/devices', { devicePublicKey });
    expect(added).toMatchObject({ action: 'device.add', actorId: bob.id, ...withAgent });
    const keyId = String(added.detail?.['keyId']);
    expect(await lineOf(bob.http, 'DELETE', `/users/me/devices/${keyId}`)).toMatchObject({
      action: 'device.revoke',
      actorId: bob.id,
      detail: { keyId },
    });
  });

  test.each(['freeze', 'unfreeze', 'deactivate', 'reactivate'])(
    '%s says which operator did it to whom',
    async (change) => {
      const user = await wallet.newUser();
      expect(await lineOf(wallet.operator, 'POST', `/admin/users/${user.id}/${change}`)).toMatchObject({
        action: `user.${change}`,
        actorId: wallet.operatorId,
        userId: user.id,
        ...withAgent,
      });
    },
  );

  test('what is changed in the monitoring is there with what was asked for', async () => {
    const body = { slowQueryMs: 777 };
    expect(await lineOf(wallet.operator, 'PUT', '/performance/thresholds', body)).toMatchObject({
      action: 'PUT /performance/thresholds',
      actorId: wallet.operatorId,
      detail: { body },
      ...withAgent,
    });
  });

  test('what cannot be written down is not done', async () => {
    await probe.query('alter table audit_log rename to audit_log_away');
    try {
      const refused = await wallet.operator.put('/performance/thresholds', { slowQueryMs: 778 });
      expect(refused.status).toBeGreaterThanOrEqual(500);
      const { body } = await wallet.operator.get('/performance/thresholds');
      expect(body['slowQueryMs']).toBe(777);
      const victim = await wallet.operator.call('POST', `/admin/users/${alice.id}/freeze`);
      expect(victim.status).toBeGreaterThanOrEqual(500);
      expect((await alice.http.transfer(bob.id, '1')).status).toBe(201);
    } finally {
      await probe.query('alter table audit_log_away rename to audit_log');
    }
  });
});

describe('reading', () => {
  test('is for operators, and refuses what it cannot use', async () => {
    expectProblem(await alice.http.get('/admin/audit'), 403, 'forbidden');
    expectProblem(await wallet.http.get('/admin/audit'), 401, 'authentication_required');
    for (const query of [
      '?limit=0',
      '?limit=201',
      '?cursor=x',
      '?userId=x',
      '?from=yesterday',
      '?x=1',
      '?action=%25',
      '?to=2016-12-31T23:59:60Z',
    ])
      expectProblem(await wallet.operator.get(`/admin/audit${query}`), 400, 'invalid_request');
  });

  test.each(['', `user`])('pages give every line once, newest first (%s)', async (whose) => {
    const filter = whose === '' ? '' : `&userId=${bob.id}`;
    const whole = (await audit(`?limit=200${filter}`)).data;
    expect(whole.length).toBeGreaterThan(5);
    const found: Entry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { data, pagination }: Page = await audit(`?limit=3${filter}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...data);
      expect(pagination.hasNext).toBe(pagination.nextCursor !== null);
      cursor = pagination.nextCursor;
    }
    expect(found).toEqual(whole);
    if (whose !== '') {
      const times = found.map(({ at }) => at);
      expect(times).toEqual([...times].sort().reverse());
      expect(
        found.every(({ actorId, userId, detail }) => [actorId, userId, detail?.['senderId']].includes(bob.id)),
      ).toBe(true);
    }
  });

  test('by what was done and by period', async () => {
    const freezes = (await audit('?action=user.freeze')).data;
    expect(freezes.length).toBeGreaterThan(0);
    expect(freezes.every(({ action }) => action === 'user.freeze')).toBe(true);
    const deposits = (await audit(`?action=money.deposit&userId=${alice.id}`)).data;
    expect(deposits).toHaveLength(2);
    expect((await audit(`?userId=${wallet.operatorId}&action=money.reversal`)).data).toHaveLength(1);
    const at = (await audit(`?userId=${bob.id}&limit=200`)).data[2]?.at as string;
    for (const filter of [`userId=${bob.id}`, `limit=200`]) {
      const after = (await audit(`?${filter}&from=${at}`)).data;
      expect(after.length).toBeGreaterThan(0);
      expect(after.every((line) => line.at >= at)).toBe(true);
      const before = (await audit(`?${filter}&to=${at}`)).data;
      expect(before.length).toBeGreaterThan(0);
      expect(before.every((line) => line.at < at)).toBe(true);
      const [day, next] = [at.slice(0, 10), new Date(Date.parse(at) + 86_400_000).toISOString().slice(0, 10)];
      const ofThatDay = (await audit(`?${filter}&from=${day}&to=${day}`)).data;
      expect(ofThatDay).toEqual((await audit(`?${filter}&from=${day}T00:00:00Z&to=${next}T00:00:00Z`)).data);
      expect(ofThatDay.length).toBeGreaterThan(0);
    }
  });

  test('each half of each page comes out of an index', async () => {
    // As autovacuum would leave it, whether it has come by or not.
    await probe.query('analyze');
    const plans: string[] = [];
    const explaining = {
      query: async <Row>(statement: unknown, values?: readonly unknown[]) => {
        const { text } = statement as { text: string };
        await probe.query('set enable_seqscan = off; set enable_sort = on');
        const { rows } = await probe.query<Record<'QUERY PLAN', string>>(`explain ${text}`, [...(values ?? [])]);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        return { rows: [] as Row[], rowCount: 0 };
      },
    };
    const after = { at: new Date(), id: randomUUID() };
    await readAuditPage(explaining, { limit: 50, after });
    await readAuditPage(explaining, { limit: 50, after, userId: alice.id });
    for (const plan of plans) expect(plan).not.toContain('Seq Scan');
    expect(plans[0]).toMatch(/transactions_pkey[^]*audit_log_pkey/);
    expect(plans[1]).toMatch(/idx_transactions_sender_created_status/);
    expect(plans[1]).toMatch(/idx_transactions_acted_by/);
  });
});

describe('what is written stays written', () => {
  test.each(['update audit_log set action = $$x$$', 'delete from audit_log', 'truncate audit_log'])(
    '%s',
    async (sql) => {
      await expect(probe.query(sql)).rejects.toMatchObject({ constraint: 'entries_are_final' });
    },
  );

  test('a transaction keeps who asked for it', async () => {
    const answer = await alice.http.post<Transaction>('/wallet/transfers', { receiverId: bob.id, amount: '1' });
    const change = 'update transactions set acted_by = $1 where id = $2';
    await expect(probe.query(change, [bob.id, answer.body.id])).rejects.toMatchObject({
      constraint: 'transactions_keep_their_money',
    });
  });
});
