import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { buildApp, type App } from '../../src/app.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/logger.js';
import { startApp, type RunningApp } from '../support/app.js';

/** What must stand in every answer, whoever asked and whatever came of it. */
const always = {
  'x-content-type-options': /^nosniff$/,
  'content-security-policy': /default-src 'none'/,
  'referrer-policy': /^no-referrer$/,
  'x-powered-by': undefined,
  server: undefined,
  'access-control-allow-origin': undefined,
};

describe('headers', () => {
  let wallet: RunningApp;
  beforeAll(async () => void (wallet = await startApp()));
  afterAll(() => wallet?.close());

  test('no answer may be sniffed, framed, told onwards or read by another site', async () => {
    const user = await wallet.newUser();
    const answers = {
      balance: await user.http.get('/wallet/balance'),
      'the balance, kept': await user.http.get('/wallet/balance'),
      refusal: await wallet.http.get('/wallet/balance'),
      'nothing there': await wallet.http.get('/nothing'),
      health: await wallet.http.get('/performance/health'),
      'of another site': await user.http.get('/wallet/balance', { origin: 'https://elsewhere.example' }),
      page: await wallet.http.get('/performance'),
    };
    for (const [what, { headers }] of Object.entries(answers)) {
      for (const [name, form] of Object.entries(always)) {
        if (form === undefined) expect([what, name, headers.get(name)]).toEqual([what, name, null]);
        else expect(headers.get(name), `${name} of ${what}`).toMatch(form);
      }
      const framing = `${headers.get('content-security-policy')} ${headers.get('x-frame-options')}`;
      expect(framing, what).toMatch(/frame-ancestors 'none'|SAMEORIGIN|DENY/);
    }
    // Answers about somebody's money are kept by nobody on the way.
    for (const what of ['balance', 'the balance, kept'] as const) {
      expect(answers[what].headers.get('cache-control')).toMatch(/private|no-store/);
    }
    expect(answers.refusal.headers.get('cache-control') ?? 'no-store').toMatch(/private|no-store/);
  });

  test('an address that a client makes up is not believed unless a proxy is named', async () => {
    const limits = { RATE_LIMIT_MAX: '1000', AUTH_RATE_LIMIT_MAX: '3', RATE_LIMIT_WINDOW_SECONDS: '3600' };
    const limited = await startApp({ environment: limits });
    try {
      const tried: number[] = [];
      for (let i = 0; i < 5; i += 1) {
        const headers = {
          'x-forwarded-for': `203.0.113.${i}`,
          forwarded: `for=203.0.113.${i}`,
          'x-real-ip': `203.0.113.${i}`,
        };
        const body = { email: `nobody-${i}@example.test`, password: 'a wrong password' };
        tried.push((await limited.http.call('POST', '/auth/login', { body, headers })).status);
      }
      expect(tried.slice(-2)).toEqual([429, 429]);
    } finally {
      await limited.close();
    }
  });
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
// With CI=true it is never skipped: a machine without openssl fails.
describe.skipIf(!hasOpenssl && process.env['CI'] !== 'true')('HTTPS (skipped without openssl)', () => {
  const folder = makeScratchFolder();
  const pem = (name: string): string => join(folder, name);
  let base: RunningApp;
  let app: App;
  let port: number;
  beforeAll(async () => {
    for (const name of ['own', 'other']) {
      const request = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
      execFileSync('openssl', [...request, ...subject, '-keyout', pem(`${name}.key`), '-out', pem(`${name}.pem`)], {
        stdio: 'ignore',
      });
    }
    base = await startApp();
    const files = { TLS_CERT_FILE: pem('own.pem'), TLS_KEY_FILE: pem('own.key') };
    const config = loadConfig({ ...base.environment, ...files });
    app = await buildApp({ config, databaseUrl: base.database.url, logger: createLogger('silent') });
    const { url } = await app.listen();
    expect(url).toMatch(/^https:/);
    port = Number(new URL(url).port);
  });
  afterAll(async () => {
    await app?.close();
    await base?.close();
    removeScratchFolder(folder);
  });

  test('is spoken with the certificate that was given, and says that it is to stay so', async () => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const ca = readFileSync(pem('own.pem'));
      request({ host: 'localhost', port, path: '/performance/health', ca, agent: false }, resolve)
        .once('error', reject)
        .end();
    });
    answer.resume();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['strict-transport-security']).toMatch(/max-age=\d{7,}/);
    expect(answer.headers.traceparent).toMatch(/^00-/);
  });

  test('is refused below TLS 1.2, and plain HTTP gets no answer there', async () => {
    const old = await new Promise<string>((resolve) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      socket.once('secureConnect', () => (socket.destroy(), resolve('connected')));
      socket.once('error', (error) => resolve(error.message));
    });
    expect(old).not.toBe('connected');
    await expect(fetch(`http://127.0.0.1:${port}/performance/health`)).rejects.toThrow();
  });

  test.each([
    ['a certificate without its key', { TLS_CERT_FILE: 'own.pem' }, 'TLS_KEY'],
    ['a key without its certificate', { TLS_KEY_FILE: 'own.key' }, 'TLS_CERT'],
    ['the key of another certificate', { TLS_CERT_FILE: 'own.pem', TLS_KEY_FILE: 'other.key' }, 'TLS_KEY'],
    ['a key where the certificate should be', { TLS_CERT_FILE: 'own.key', TLS_KEY_FILE: 'own.key' }, 'TLS_CERT'],
    ['a file that is not there', { TLS_CERT_FILE: 'none.pem', TLS_KEY_FILE: 'own.key' }, 'TLS_CERT_FILE'],
  ])('%s stops the start, by the variable’s name and without showing the key', (_, files, named) => {
    const variables = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, pem(file)]));
    const refusal = (): unknown => loadConfig({ ...base.environment, ...variables });
    expect(refusal).toThrow(named);
    expect(refusal).not.toThrow(/BEGIN/);
  });
});
