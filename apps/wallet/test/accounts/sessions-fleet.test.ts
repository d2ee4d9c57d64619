import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { startTwoApps, userPassword, type RunningApp } from '../support/app.js';
import { createWalletDatabase } from '../support/database.js';

describe('sessions, with two instances', () => {
  let first: RunningApp;
  let second: RunningApp;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ first, second, close } = await startTwoApps());
  });
  afterAll(() => close?.());

  const refresh = (instance: RunningApp, refreshToken: unknown) =>
    instance.http.call('POST', '/auth/refresh', { body: { refreshToken } });

  it('are refreshed on either, and end on both', async () => {
    const { session } = await first.newUser();
    const onSecond = await refresh(second, session.refreshToken);
    expect(onSecond.status).toBe(200);
    const client = first.http.with(String(onSecond.body.accessToken));
    expect((await client.call('GET', '/users/me')).status).toBe(200);
    const newest = (await refresh(first, onSecond.body.refreshToken)).body.refreshToken;
    expect(await refresh(first, session.refreshToken)).toMatchObject({
      status: 401,
      body: { code: 'invalid_refresh_token' },
    });
    for (const instance of [first, second]) expect((await refresh(instance, newest)).status).toBe(401);
  });

  it('are won once when both are asked at the same time', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { session } = await first.newUser();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => refresh(at % 2 === 0 ? first : second, session.refreshToken)),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(19);
    }
  });

  it('end on both with a logout on one, and with a deactivation', async () => {
    const [leaver, outcast] = [await first.newUser(), await first.newUser()];
    const body = { refreshToken: leaver.session.refreshToken };
    expect((await second.http.call('POST', '/auth/logout', { body })).status).toBe(204);
    expect((await first.operator.call('POST', `/admin/users/${outcast.id}/deactivate`)).status).toBe(200);
    for (const instance of [first, second]) {
      expect((await refresh(instance, leaver.session.refreshToken)).body).toMatchObject({
        code: 'invalid_refresh_token',
      });
      expect((await refresh(instance, outcast.session.refreshToken)).body).toMatchObject({
        code: 'account_deactivated',
      });
    }
  });

  it('are swept by the upkeep', async () => {
    const { id } = await first.newUser();
    await first.app.database.query(`update sessions set expires_at = now() - interval '2 days' where user_id = $1`, [
      id,
    ]);
    expect((await first.operator.call('POST', '/performance/database/maintenance')).status).toBe(202);
    const rows = async (): Promise<number> =>
      (await first.app.database.query('select 1 from sessions where user_id = $1', [id])).rowCount;
    await expect.poll(rows, { timeout: 15_000 }).toBe(0);
  });
});

describe('the log', () => {
  it('names the user whose token came again, and holds no token, not even at its most talkative', async () => {
    const database = await createWalletDatabase();
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString('utf8'));
        done();
      },
    });
    const config = loadConfig({
      DATABASE_URL: database.url,
      DATA_DIR: join(tmpdir(), 'dunlin-tests-need-no-data-folder'),
      MASTER_KEY: randomBytes(32).toString('hex'),
      OPERATOR_PASSWORD: 'operator of the tests',
      WARM_ACTIVE_USERS: '0',
      MAX_EVENT_LOOP_DELAY_MS: '0',
    });
    // Without the redaction of the wallet's own logger: what is not written needs none.
    const app = await buildApp({ config, databaseUrl: database.url, logger: pino({ level: 'trace' }, stream) });
    try {
      const post = async (url: string, payload: object): Promise<Record<string, unknown>> => {
        const answer = await app.http.inject({ method: 'POST', url, payload });
        return answer.body === '' ? {} : answer.json<Record<string, unknown>>();
      };
      const session = await post('/auth/register', { email: 'ada@example.test', password: userPassword });
      const next = await post('/auth/refresh', { refreshToken: session.refreshToken });
      expect(await post('/auth/refresh', { refreshToken: session.refreshToken })).toMatchObject({ status: 401 });
      await post('/auth/refresh', { refreshToken: `${String(next.refreshToken)}!` });
      await post('/auth/refresh', { refreshToken: [next.refreshToken] });
      await post('/auth/logout', { refreshToken: next.refreshToken });

      const log = lines.join('');
      const { id } = session.user as { id: string };
      const warned = lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        // On a slow machine there are others: of slow statements, of a late lease.
        .filter(({ level, userId }) => level === 40 && userId !== undefined);
      expect(warned).toMatchObject([{ userId: id, msg: expect.stringContaining('used again') as string }]);
      for (const token of [session.refreshToken, next.refreshToken] as string[]) {
        expect(token).toMatch(/^[\w-]{64}$/);
        expect(log).not.toContain(token);
        // Neither its parts: the family that it begins with, the secret that it ends with.
        const bytes = Buffer.from(token, 'base64url');
        expect(log.replaceAll('-', '')).not.toContain(bytes.subarray(0, 16).toString('hex'));
        expect(log).not.toContain(bytes.subarray(16).toString('hex'));
        expect(log).not.toContain(token.slice(22));
      }
    } finally {
      await app.close();
      await database.close();
    }
  });
});
