import { createHmac, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { ManualClock } from '@dunlin/testkit';
import { jwtVerify, SignJWT } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { beforeEach, describe, expect, it } from 'vitest';
import { AccessTokens } from '../../src/accounts/access-tokens.js';
import { VerifiedTokens } from '../../src/accounts/verified-tokens.js';

const key = { id: randomUUID(), secret: randomBytes(32) };
const userId = uuidv7();
const claims = { iss: 'dunlin', aud: 'dunlin', sub: userId, role: 'user', jti: 'one' };

describe('access tokens', () => {
  let clock: ManualClock;
  let tokens: AccessTokens;

  beforeEach(() => {
    clock = new ManualClock();
    tokens = new AccessTokens({ signingKey: key, verifyingKeys: [key], lifetimeSeconds: 60, clock });
  });

  /** A token as another library makes it, with the claims and the header that the test asks for. */
  function forge(payload: object, header: object = {}, secret: Uint8Array = key.secret): Promise<string> {
    const now = Math.floor(clock.wallMs() / 1000);
    return new SignJWT({ iat: now, exp: now + 60, ...payload })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: key.id, ...header })
      .sign(secret);
  }

  it('name their user and role, and verify with another library', async () => {
    const token = tokens.issue(userId, 'operator');
    expect(tokens.check(token)).toMatchObject({ kind: 'ok', claims: { userId, role: 'operator' } });
    const { payload, protectedHeader } = await jwtVerify(token, key.secret, { currentDate: new Date(clock.wallMs()) });
    expect(payload).toMatchObject({
      sub: userId,
      role: 'operator',
      iss: 'dunlin',
      aud: 'dunlin',
      jti: expect.any(String) as string,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT', kid: key.id });
  });

  it('are taken from another library that signs the same way', async () => {
    expect(tokens.check(await forge(claims)).kind).toBe('ok');
  });

  it('are two different ones for two logins', () => {
    expect(tokens.issue(userId, 'user')).not.toBe(tokens.issue(userId, 'user'));
  });

  it('end at their expiry, whether or not they were seen before', async () => {
    const seen = tokens.issue(userId, 'user');
    const unseen = tokens.issue(userId, 'user');
    expect(tokens.check(seen).kind).toBe('ok');
    await clock.advance(59_000 - (clock.wallMs() % 1000));
    expect(tokens.check(seen).kind).toBe('ok');
    await clock.advance(1_000);
    expect(tokens.check(seen).kind).toBe('expired');
    expect(tokens.check(unseen).kind).toBe('expired');
  });

  it('verify with a retired key, and with none that is unknown', async () => {
    const next = { id: randomUUID(), secret: randomBytes(32) };
    const rotated = new AccessTokens({ signingKey: next, verifyingKeys: [key, next], clock });
    expect(rotated.check(tokens.issue(userId, 'user')).kind).toBe('ok');
    expect(tokens.check(rotated.issue(userId, 'user')).kind).toBe('invalid');
    expect(rotated.check(await forge(claims, { kid: next.id })).kind).toBe('invalid');
  });

  it.each([
    ['another secret', () => forge(claims, {}, randomBytes(32))],
    ['no key id', () => forge(claims, { kid: undefined })],
    ['another issuer', () => forge({ ...claims, iss: 'other' })],
    ['another audience', () => forge({ ...claims, aud: 'other' })],
    ['no expiry', () => forge({ ...claims, exp: undefined })],
    ['an unknown role', () => forge({ ...claims, role: 'root' })],
    ['a subject that is no id', () => forge({ ...claims, sub: 'ada' })],
    ['no token id', () => forge({ ...claims, jti: undefined })],
    ['another HMAC', () => forge(claims, { alg: 'HS512' })],
    ['another type', () => forge(claims, { typ: 'at+jwt' })],
  ])('are refused with %s', async (_title, make) => {
    expect(tokens.check(await make())).toEqual({ kind: 'invalid' });
  });

  it('are refused unsigned, and signed by a public key of the same id', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = part({ ...claims, iat: 1, exp: 4_000_000_000 });
    expect(tokens.check(`${part({ alg: 'none', typ: 'JWT', kid: key.id })}.${body}.`)).toEqual({ kind: 'invalid' });
    const { privateKey } = generateKeyPairSync('ed25519');
    const foreign = await new SignJWT({ ...claims, exp: 4_000_000_000, iat: 1 })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: key.id })
      .sign(privateKey);
    expect(tokens.check(foreign)).toEqual({ kind: 'invalid' });
  });

  it('are refused malformed, without an exception', () => {
    const good = tokens.issue(userId, 'user');
    const [header = '', payload = '', signature = ''] = good.split('.');
    const longer = createHmac('sha256', key.secret).update('x'.repeat(3000)).digest('base64url').repeat(100);
    for (const bad of [
      '',
      '.',
      '..',
      'a.b.c',
      header,
      `${header}.${payload}`,
      `${good}.`,
      `${good}x`,
      ` ${good}`,
      `${header}.${payload}.${signature}=`,
      longer,
    ]) {
      expect(tokens.check(bad)).toEqual({ kind: 'invalid' });
    }
    for (let index = 0; index < good.length - 1; index += 7) {
      const changed = good.slice(0, index) + (good[index] === 'A' ? 'B' : 'A') + good.slice(index + 1);
      expect(tokens.check(changed)).toEqual({ kind: 'invalid' });
    }
  });
});

describe('the memory of checked tokens', () => {
  it('never holds more than its capacity and keeps what is asked for', () => {
    const memory = new VerifiedTokens<{ expiresAtMs: number }>(10);
    memory.set('kept', { expiresAtMs: 100 });
    for (let index = 0; index < 100; index += 1) {
      memory.set(`token ${index}`, { expiresAtMs: 100 });
      expect(memory.get('kept', 0)).toBeDefined();
      expect(memory.size).toBeLessThanOrEqual(10);
    }
    expect(memory.get('token 0', 0)).toBeUndefined();
  });

  it('gives nothing out at or after its expiry', () => {
    const memory = new VerifiedTokens<{ expiresAtMs: number }>(10);
    memory.set('token', { expiresAtMs: 100 });
    expect(memory.get('token', 99)).toBeDefined();
    expect(memory.get('token', 100)).toBeUndefined();
    expect(memory.get('token', 99)).toBeUndefined();
  });
});
