import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { get, post, startWallet, type WalletProcess } from '../process/wallet-process.js';
import { dunlin } from './dunlin-process.js';

const masterKey = 'ab'.repeat(32);
const operator = { email: 'operator@example.test', password: 'operator of the tests' };

let scratch: string;
const running: WalletProcess[] = [];

beforeAll(() => {
  scratch = makeScratchFolder();
  chmodSync(scratch, 0o711);
});
afterEach(async () => {
  for (const wallet of running.splice(0)) await stop(wallet);
});
afterAll(() => removeScratchFolder(scratch));

async function stop(wallet: WalletProcess): Promise<void> {
  wallet.process.kill('SIGTERM');
  await wallet.ended;
}

async function start(environment: Record<string, string>): Promise<{ wallet: WalletProcess; url: string }> {
  // The build itself, not `npm start`, which would look for something to build first.
  const program = [process.execPath, 'apps/wallet/dist/src/main.js'];
  const variables = {
    MASTER_KEY: masterKey,
    OPERATOR_EMAIL: operator.email,
    OPERATOR_PASSWORD: operator.password,
    RATE_LIMIT_MAX: '0',
    AUTH_RATE_LIMIT_MAX: '0',
    PASSWORD_HASH_MEMORY_KIB: '7168',
    LOG_LEVEL: 'error',
    MAX_EVENT_LOOP_DELAY_MS: '0',
    ...environment,
  };
  const wallet = startWallet(variables, program);
  running.push(wallet);
  return { wallet, url: await wallet.ready };
}

async function signIn(url: string, credentials = operator): Promise<Record<string, string>> {
  const { body } = await post(`${url}/auth/login`, credentials);
  return { authorization: `Bearer ${String(body['accessToken'])}` };
}

/** A user with a device, so that the public-key database grows by one. */
async function register(url: string, name: string): Promise<string> {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const devicePublicKey = { kty: 'OKP', crv: 'Ed25519', x };
  const registration = { email: `${name}@example.test`, password: 'correct horse battery', devicePublicKey };
  const { status, body } = await post(`${url}/auth/register`, registration);
  expect(status).toBe(201);
  return (body['user'] as { id: string }).id;
}

async function publicKeyOwners(url: string): Promise<string[]> {
  const { body } = await get(`${url}/public-keys`, await signIn(url));
  return (body['keys'] as { userId?: string }[]).flatMap(({ userId }) => userId ?? []);
}

describe('dunlin backup and restore', { timeout: 180_000 }, () => {
  it('bring back, from a backup under load, each deposit that was acknowledged before its end, and the books add up', async () => {
    const dataFolder = join(scratch, 'loaded');
    const { wallet, url } = await start({ DATA_DIR: dataFolder });
    const userId = await register(url, 'payee');
    const headers = await signIn(url);
    const acknowledged: { id: string; at: number }[] = [];
    let paying = true;
    const load = (async () => {
      for (let number = 0; paying; number += 1) {
        const body = { userId, amount: '7', reference: `deposit ${number}` };
        const answer = await post(`${url}/admin/deposits`, body, {
          ...headers,
          'idempotency-key': `deposit-${number}`,
        });
        expect(answer.status).toBe(201);
        acknowledged.push({ id: String(answer.body['id']), at: Date.now() });
      }
    })();
    const folder = join(scratch, 'backup under load');
    const backup = await dunlin(['backup', folder, '--json'], { DATA_DIR: dataFolder });
    expect(backup.stderr).toContain('MASTER_KEY) is not in the backup');
    expect(backup.how).toBe(exitCodes.fine);
    paying = false;
    await load;
    await stop(wallet);
    const completeUntil = Date.parse((JSON.parse(backup.stdout) as { completeUntil: string }).completeUntil);
    const wanted = acknowledged.filter(({ at }) => at < completeUntil);
    expect(wanted.length).toBeGreaterThan(5);

    const restoredFolder = join(scratch, 'restored from load');
    const restored = await dunlin(['restore', folder, '--json'], { DATA_DIR: restoredFolder });
    expect(restored.stderr).not.toContain('differ');
    expect(restored.how).toBe(exitCodes.fine);
    expect(JSON.parse(restored.stdout)).toMatchObject({ reconciliation: { sum: '0', discrepancies: [] } });
    const again = await start({ DATA_DIR: restoredFolder });
    const operatorThere = await signIn(again.url);
    const { body } = await get(
      `${again.url}/admin/audit?userId=${userId}&action=money.deposit&limit=100`,
      operatorThere,
    );
    expect((body['data'] as unknown[]).length).toBeGreaterThanOrEqual(Math.min(100, wanted.length));
    const payee = await signIn(again.url, { email: 'payee@example.test', password: 'correct horse battery' });
    const missing: string[] = [];
    for (const { id } of wanted) {
      if ((await get(`${again.url}/wallet/transactions/${id}`, payee)).status !== 200) missing.push(id);
    }
    expect(missing).toEqual([]);
  });

  it('leave nothing in force that Redis learned after the moment that was restored', async () => {
    const redis: TestRedis = await startTestRedis();
    try {
      const dataFolder = join(scratch, 'with redis');
      const first = await start({ DATA_DIR: dataFolder, REDIS_URL: redis.url });
      const before = await register(first.url, 'before');
      const folder = join(scratch, 'backup with redis');
      expect((await dunlin(['backup', folder], { DATA_DIR: dataFolder })).how).toBe(exitCodes.fine);
      const after = await register(first.url, 'after');
      // Now Redis keeps, for an hour, an answer in which the second user's key stands.
      expect(await publicKeyOwners(first.url)).toEqual(expect.arrayContaining([before, after]));
      await stop(first.wallet);

      const restoredFolder = join(scratch, 'restored with redis');
      expect((await dunlin(['restore', folder], { DATA_DIR: restoredFolder })).how).toBe(exitCodes.fine);
      const second = await start({ DATA_DIR: restoredFolder, REDIS_URL: redis.url });
      expect(await publicKeyOwners(second.url)).toEqual([before]);
    } finally {
      await redis.stop();
    }
  });

  it('want the master key that the signing keys were wrapped with, before anything is copied', async () => {
    const dataFolder = join(scratch, 'keyed');
    const noKey = { MASTER_KEY: '' };
    const { wallet } = await start({ DATA_DIR: dataFolder, ...noKey });
    const folder = join(scratch, 'keyed backup');
    const backup = await dunlin(['backup', folder], { DATA_DIR: dataFolder, ...noKey });
    expect(backup.stderr).toContain(`${join(dataFolder, 'master.key')}) is not in the backup`);
    await stop(wallet);

    const target = join(scratch, 'keyed restored');
    const other = await dunlin(['restore', folder], { DATA_DIR: target, MASTER_KEY: 'cd'.repeat(32) });
    expect(other.stderr).toContain('another master key');
    const none = await dunlin(['restore', folder], { DATA_DIR: target, ...noKey });
    expect(none.stderr).toContain('--master-key-file');
    expect([other.how, none.how]).toEqual([exitCodes.noDatabase, exitCodes.noDatabase]);
    expect(existsSync(target)).toBe(false);
    const keyFile = join(dataFolder, 'master.key');
    const right = await dunlin(['restore', folder, '--master-key-file', keyFile], { DATA_DIR: target, ...noKey });
    expect(right.stdout).toContain('Everything adds up');
    expect(readFileSync(join(target, 'master.key'), 'utf8')).toBe(readFileSync(keyFile, 'utf8'));
    expect(readFileSync(join(target, 'credentials.json'), 'utf8')).not.toBe(
      readFileSync(join(dataFolder, 'credentials.json'), 'utf8'),
    );
  });

  it('go back to a moment between two deposits with the archive', async () => {
    const environment = { DATA_DIR: join(scratch, 'archived'), WAL_ARCHIVE_DIR: join(scratch, 'wal') };
    const { url } = await start({ ...environment, WAL_ARCHIVE_TIMEOUT_SECONDS: '10' });
    const userId = await register(url, 'timely');
    const headers = await signIn(url);
    const deposit = (amount: string) =>
      post(`${url}/admin/deposits`, { userId, amount, reference: amount }, { ...headers, 'idempotency-key': amount });
    const folder = join(scratch, 'archived backup');
    expect((await dunlin(['backup', folder], environment)).how).toBe(exitCodes.fine);
    expect((await deposit('100')).status).toBe(201);
    const between = new Date(Date.now() + 2);
    while (Date.now() <= between.getTime() + 2) await new Promise((resolve) => setTimeout(resolve, 1));
    expect((await deposit('5')).status).toBe(201);
    // The second backup's end sends what was committed until then to the archive.
    const second = join(scratch, 'archived backup 2');
    expect((await dunlin(['backup', second], environment)).how).toBe(exitCodes.fine);

    const balanceIn = async (words: string[], target: string): Promise<unknown> => {
      const DATA_DIR = join(scratch, target);
      const outcome = await dunlin(['restore', ...words, '--wal-archive', environment.WAL_ARCHIVE_DIR], { DATA_DIR });
      expect(outcome.stderr + outcome.stdout).toContain('Everything adds up');
      const opened = await start({ DATA_DIR });
      const payee = await signIn(opened.url, { email: 'timely@example.test', password: 'correct horse battery' });
      return (await get(`${opened.url}/wallet/balance`, payee)).body['available'];
    };
    expect(await balanceIn([second], 'at the end')).toBe('105');
    const tooOld = await dunlin(
      ['restore', second, '--to-time', between.toISOString(), '--wal-archive', environment.WAL_ARCHIVE_DIR],
      {
        DATA_DIR: join(scratch, 'too old'),
      },
    );
    expect(tooOld.stderr).toContain('Take an older backup');
    const toBetween = [folder, '--to-time', between.toISOString()];
    expect(await balanceIn(toBetween, 'between')).toBe('100');

    const pruning = await dunlin(['backup', join(scratch, 'archived backup 3'), '--prune-archive'], environment);
    expect(pruning.stdout).toMatch(/Removed [1-9]\d* segments/);
    const words = ['restore', ...toBetween, '--wal-archive', environment.WAL_ARCHIVE_DIR];
    const pruned = await dunlin(words, { DATA_DIR: join(scratch, 'pruned') });
    expect([pruned.how, pruned.stderr]).toEqual([
      exitCodes.noDatabase,
      expect.stringContaining('The archive ends before'),
    ]);
  });
});

describe('dunlin keys', { timeout: 120_000 }, () => {
  it('rotates and revokes while the wallet runs, which follows, and writes down why', async () => {
    const environment = { DATA_DIR: join(scratch, 'keys') };
    const { url } = await start(environment);
    const keysNow = async (): Promise<{ id: string; state: string }[]> =>
      (JSON.parse((await dunlin(['keys', 'list', '--json'], environment)).stdout) as { keys: [] }).keys;
    const [first] = await keysNow();
    const rotated = await dunlin(['keys', 'rotate', '--lead', '0', '--reason', 'a drill', '--json'], environment);
    expect(rotated.how).toBe(exitCodes.fine);
    const { keyId } = JSON.parse(rotated.stdout) as { keyId: string };
    const revoke = ['keys', 'revoke', first?.id ?? '', '--reason', 'seen elsewhere', '--yes'];
    expect((await dunlin(revoke, environment)).how).toBe(exitCodes.fine);
    expect((await dunlin(revoke, environment)).stderr).toContain('revoked before');
    expect((await keysNow()).map(({ id, state }) => [id, state])).toEqual([
      [keyId, 'signing'],
      [first?.id, 'revoked'],
    ]);
    const deadline = Date.now() + 10_000;
    const published = async (): Promise<string[]> => {
      const { body } = await get(`${url}/.well-known/jwks.json`);
      return (body['keys'] as { kid: string }[]).map(({ kid }) => kid);
    };
    while ((await published()).includes(first?.id ?? '') && Date.now() < deadline) await published();
    expect(await published()).toEqual([keyId]);

    const { body } = await get(`${url}/admin/audit?limit=50`, await signIn(url));
    const lines = body['data'] as { action: string; detail: Record<string, unknown> }[];
    expect(lines.filter(({ action }) => action.startsWith('issuer_key.'))).toMatchObject([
      { action: 'issuer_key.revoke', detail: { reason: 'seen elsewhere' } },
      { action: 'issuer_key.rotate', detail: { keyId, previousKeyId: first?.id, reason: 'a drill' } },
    ]);
    const unknown = await dunlin(['keys', 'revoke', 'no-such-key', '--reason', 'x', '--yes'], environment);
    expect([unknown.how, unknown.stderr]).toEqual([exitCodes.usage, expect.stringContaining('dunlin keys list')]);
  });

  it('makes no master key of its own', async () => {
    const folder = join(scratch, 'keys without');
    const outcome = await dunlin(['migrate'], { DATA_DIR: folder });
    expect(outcome.how).toBe(exitCodes.fine);
    const rotated = await dunlin(['keys', 'rotate', '--reason', 'a drill'], { DATA_DIR: folder, MASTER_KEY: '' });
    expect([rotated.how, rotated.stderr]).toEqual([exitCodes.noDatabase, expect.stringContaining('MASTER_KEY')]);
    expect(existsSync(join(folder, 'master.key'))).toBe(false);
  });
});
