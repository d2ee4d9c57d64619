import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { SignatureWorkers, SignatureWorkersBusy, type SignatureCheck } from '../../src/tokens/signature-workers.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
const workers: SignatureWorkers[] = [];
const open = (options?: ConstructorParameters<typeof SignatureWorkers>[0]): SignatureWorkers => {
  const one = new SignatureWorkers(options);
  workers.push(one);
  return one;
};
afterEach(() => Promise.all(workers.splice(0).map((one) => one.close())));

const check = (good: boolean): SignatureCheck => {
  const message = randomBytes(64);
  return { publicKey: raw, message, signature: sign(null, good ? message : randomBytes(64), privateKey) };
};

test('signatures are judged in the order in which they were given, over as many jobs as it takes', async () => {
  const expected = Array.from({ length: 1_000 }, (_, at) => at % 7 !== 3);
  expect(await open().verify(expected.map(check))).toEqual(expected);
  expect(await open().verify([])).toEqual([]);
});

test('messages are signed with the key that is handed over', async () => {
  const messages = Array.from({ length: 300 }, (_, at) => `message ${at}`);
  const signatures = await open({ size: 2 }).sign(privateKey, messages);
  expect(signatures).toHaveLength(300);
  messages.forEach((message, at) => {
    expect(verify(null, Buffer.from(message), publicKey, signatures[at] as Uint8Array)).toBe(true);
  });
});

test('the event loop turns while they work', async () => {
  const checks = Array.from({ length: 2_000 }, () => check(true));
  let turns = 0;
  let turning = setImmediate(function turn() {
    turns += 1;
    turning = setImmediate(turn);
  });
  await open({ size: 1 }).verify(checks);
  clearImmediate(turning);
  expect(turns).toBeGreaterThan(10);
});

test('a job that breaks its thread fails alone; the next has a new one', async () => {
  const one = open({ size: 1 });
  const broken = { ...check(true), publicKey: new Uint8Array(3) };
  const [failed, fine] = await Promise.allSettled([one.verify([broken]), one.verify([check(true)])]);
  expect(failed.status).toBe('rejected');
  expect(fine).toEqual({ status: 'fulfilled', value: [true] });
});

test('more than may wait is refused at once', async () => {
  const one = open({ size: 1, maxWaiting: 2 });
  await expect(one.verify(Array.from({ length: 400 }, () => check(true)))).rejects.toThrow(SignatureWorkersBusy);
});

test('closing ends what runs and what waits, and may be done twice', async () => {
  const one = open({ size: 1 });
  const running = one.verify(Array.from({ length: 500 }, () => check(true)));
  const refused = expect(running).rejects.toThrow(/closed/);
  await one.close();
  await one.close();
  await refused;
  await expect(one.verify([check(true)])).rejects.toThrow(/closed/);
});
