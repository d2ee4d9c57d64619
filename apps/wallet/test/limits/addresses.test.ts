import { afterEach, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig } from '../../src/config/config.js';
import { startApp, userPassword, type RunningApp } from '../support/app.js';

let wallet: RunningApp | undefined;
afterEach(() => wallet?.close());

/** How many tries at a password pass when each says that it comes from an address of its own. */
async function triesThatPass(trustProxy: string, forwarded: (at: number) => string): Promise<number> {
  const environment = { AUTH_RATE_LIMIT_MAX: '4', RATE_LIMIT_MAX: '1000', TRUST_PROXY: trustProxy };
  wallet = await startApp({ environment });
  let passed = 0;
  for (let i = 0; i < 8; i += 1) {
    const answer = await wallet.http.call('POST', '/auth/login', {
      body: { email: 'nobody@example.test', password: userPassword },
      headers: { 'x-forwarded-for': forwarded(i) },
    });
    if (answer.status === 401) passed += 1;
    else expect(answer.status).toBe(429);
  }
  return passed;
}

describe('whose word for an address counts', () => {
  test('nobody’s by default: a client cannot make itself many', async () => {
    // The operator's login in the beginning came from here as well.
    expect(await triesThatPass('off', (at) => `203.0.113.${at}`)).toBe(3);
  });

  test('that of one proxy in front, and no more than it saw itself', async () => {
    expect(await triesThatPass('1', (at) => `203.0.113.${at}`)).toBe(8);
  });

  test('what stands before the proxy’s own entry is the client’s invention', async () => {
    expect(await triesThatPass('1', (at) => `198.51.100.${at}, 203.0.113.7`)).toBe(4);
  });

  test('that of a named network', async () => {
    expect(await triesThatPass('loopback', (at) => `203.0.113.${at}`)).toBe(8);
  });

  test('a network that the request does not come from is not believed', async () => {
    expect(await triesThatPass('10.0.0.0/8', (at) => `203.0.113.${at}`)).toBe(3);
  });

  test('what is no address is not taken for one', async () => {
    expect(await triesThatPass('1', (at) => `not an address ${at}`)).toBe(3);
  });
});

test.each(['everybody', '0', '11', '10.0.0.0/33', '10.0.0.0/0', '::/0', 'true', '*', '10.0.0.1,'])(
  'TRUST_PROXY=%s is refused',
  (value) => {
    expect(() => loadConfig({ TRUST_PROXY: value }, '/data')).toThrow(ConfigError);
  },
);

test.each([
  ['off', false],
  ['2', 2],
  ['10.0.0.0/8, loopback', ['10.0.0.0/8', 'loopback']],
  ['2001:db8::/32', ['2001:db8::/32']],
])('TRUST_PROXY=%s is taken', (value, expected) => {
  expect(loadConfig({ TRUST_PROXY: value }, '/data').limits.trustProxy).toEqual(expected);
});
