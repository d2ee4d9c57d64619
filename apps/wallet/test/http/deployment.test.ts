import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { walletVersion } from '../../src/observing/deployment.js';
import { startApp, type RunningApp } from '../support/app.js';
import { expectProblem } from './support/problems.js';

type Changes = { data: { kind: string; detail: string; by: string }[] };

const deployments = async (wallet: RunningApp) => {
  const { body } = await wallet.operator.get<Changes>('/performance/changes');
  return body.data.filter(({ kind }) => kind === 'deployment').map(({ detail }) => detail);
};

test('the version is package.json’s', () => {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect((JSON.parse(file) as { version: string }).version).toBe(walletVersion);
});

test('a start with another DEPLOY_ID is a deployment, a restart is none, and one can be told by API', async () => {
  const first = await startApp({ environment: { DEPLOY_ID: 'build-1' } });
  expect(await deployments(first)).toEqual([`${walletVersion} (build-1)`]);
  await first.app.close();
  const restarted = await startApp({ database: first.database, environment: first.environment });
  expect(await deployments(restarted)).toEqual([`${walletVersion} (build-1)`]);
  await restarted.app.close();
  const next = await startApp({
    database: first.database,
    environment: { ...first.environment, DEPLOY_ID: 'build-2' },
  });
  expect(await deployments(next)).toEqual([`${walletVersion} (build-2)`, `${walletVersion} (build-1)`]);
  const told = await next.operator.call('POST', '/performance/deployments', { body: { version: 'proxy 7' } });
  expect(told.status, told.text).toBe(201);
  expect(told.body).toMatchObject({ kind: 'deployment', detail: 'proxy 7', by: next.operatorId });
  expect(await deployments(next)).toHaveLength(3);
  for (const body of [{}, { version: '' }, { version: 7 }, { version: 'x', more: 1 }]) {
    expectProblem(await next.operator.call('POST', '/performance/deployments', { body }), 400, 'invalid_request');
  }
  expectProblem(
    await next.http.call('POST', '/performance/deployments', { body: { version: 'x' } }),
    401,
    'authentication_required',
  );
  await next.app.close();
  await first.database.close();
});
