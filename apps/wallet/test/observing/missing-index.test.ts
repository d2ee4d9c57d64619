import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../http/support/client.js';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';

interface Report {
  findings: {
    severity: string;
    area: string;
    title: string;
    action: string;
    evidence: Json;
    costMsPerMinute: number;
  }[];
  recommendations: string[];
}

let wallet: RunningApp;
let user: RunningUser;
beforeAll(async () => {
  // What a busy machine holds up is not what this is about.
  wallet = await startApp({ environment: { PERF_SLOW_QUERY_MS: '60000', PERF_RESPONSE_TIME_MS: '60000' } });
  user = await wallet.newUser();
});
afterAll(() => wallet?.close());

const report = async (): Promise<Report> => (await wallet.operator.get<Report>('/performance/report')).body;

async function load(requests: number): Promise<void> {
  for (let i = 0; i < requests; i += 1) expect((await user.http.get('/tokens')).status).toBe(200);
}

test('a wallet that is well has nothing to report', async () => {
  await load(5);
  await user.http.balance();
  // Neither is what it does to this process: its CPU, its loop, and how long statements wait for their turn.
  const ofTheMachine = ['cpu', 'event_loop', 'memory', 'pool'];
  const found = (await report()).findings.filter(({ area }) => !ofTheMachine.includes(area));
  expect(found.map(({ title, evidence }) => ({ title, evidence }))).toEqual([]);
});

test('without an index, the report leads from the endpoint to the statement, its plan and the index', async () => {
  const { database } = wallet.app;
  await database.query('DROP INDEX idx_tokens_user_id');
  await database.query('DROP INDEX idx_tokens_user_status_amount');
  await database.query(
    `INSERT INTO tokens (id, user_id, amount, currency, status, key_id, opening_transaction_id, issued_at, expires_at, closed_at, compact)
     SELECT gen_random_uuid(), gen_random_uuid(), 100, 'EUR', 'redeemed', 'k', $1, now(), now() + interval '1 day', now(), 'token'
       FROM generate_series(1, 60000)`,
    [randomUUID()],
  );
  await database.query('ANALYZE tokens');
  const thresholds = { responseTimeMs: 2, slowQueryMs: 2 };
  expect((await wallet.operator.put('/performance/thresholds', thresholds)).status).toBe(200);
  await load(60);

  const { findings, recommendations } = await report();
  const finding = findings.find(({ area, evidence }) => area === 'endpoint' && evidence['endpoint'] === 'GET /tokens');
  expect(finding, JSON.stringify(findings, null, 1)).toBeDefined();
  expect(finding?.title).toMatch(/^GET \/tokens is slow: P95 \d+ ms$/);
  expect(finding?.evidence['query']).toMatchObject({
    query: expect.stringContaining('from tokens where user_id = ?') as string,
    endpoints: expect.arrayContaining(['GET /tokens']) as unknown,
    plan: expect.stringMatching(/tokens/) as string,
    advice: { kind: 'missing_index' },
  });
  expect(finding?.action).toMatch(/^CREATE INDEX CONCURRENTLY \S+ ON (public\.)?tokens \(user_id/);
  expect(finding?.costMsPerMinute).toBeGreaterThan(0);
  expect(recommendations).toContain(finding?.action);
  // One cause is one finding: the statement is not told a second time.
  const { fingerprint } = finding?.evidence['query'] as { fingerprint: string };
  expect(findings.filter(({ area, evidence }) => area === 'query' && evidence['fingerprint'] === fingerprint)).toEqual(
    [],
  );
  const costs = findings.map(({ costMsPerMinute }) => costMsPerMinute);
  expect(costs).toEqual([...costs].sort((a, b) => b - a));
  expect(JSON.stringify(findings)).not.toContain(user.id);

  const markdown = await wallet.operator.get('/performance/report', { accept: 'text/markdown' });
  expect(markdown.text).toContain(finding?.action.replace(/\s+/g, ' '));

  await database.query(finding!.action);
  const after = await report();
  expect(JSON.stringify(after.recommendations)).not.toContain(finding!.action);
});
