// Starts the wallet as a stranger would, asks it a few things, stops it, and makes sure that nothing stays behind.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 15_000;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dataFolder = realpathSync(mkdtempSync(join(tmpdir(), 'dunlin-smoke-')));

function expect(what, isRight) {
  if (!isRight) throw new Error(`Not so: ${what}`);
  console.log(`ok: ${what}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function untilHealthy(url, child) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The wallet ended with code ${child.exitCode} instead of starting.`);
    if (performance.now() > deadline) throw new Error(`No answer within ${START_TIMEOUT_MS} ms.`);
    try {
      const answer = await fetch(`${url}/performance/health`, { signal: AbortSignal.timeout(5_000) });
      if (answer.status === 200) return await answer.json();
    } catch {
      // Not listening yet; the deadline above bounds this.
    }
    await delay(100);
  }
}

async function call(url, options) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000), ...options });
  return { status: answer.status, body: await answer.json() };
}

function holders() {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(dataFolder);
    } catch {
      return false;
    }
  });
}

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const env = { ...process.env, PORT: String(port), DATA_DIR: dataFolder };
const child = spawn('npm', ['start'], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
try {
  const health = await untilHealthy(url, child);
  expect(`the wallet says that it is ${health.status}`, health.status === 'healthy');

  const json = { 'content-type': 'application/json' };
  const account = JSON.stringify({ email: 'smoke@example.org', password: 'a long enough password' });
  const registered = await call(`${url}/auth/register`, { method: 'POST', headers: json, body: account });
  expect('an account can be registered', registered.status === 201);

  const authorization = `Bearer ${registered.body.accessToken}`;
  const balance = await call(`${url}/wallet/balance`, { headers: { authorization } });
  expect('its balance is 0', balance.status === 200 && balance.body.available === '0');

  // To npm alone, as a process supervisor does that knows no other process of ours.
  process.kill(child.pid, 'SIGTERM');
  const outcome = await Promise.race([ended, delay(STOP_TIMEOUT_MS, 'not at all', { ref: false })]);
  expect(`the wallet ended within ${STOP_TIMEOUT_MS} ms (${outcome})`, outcome !== 'not at all');
  const refused = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    () => false,
    () => true,
  );
  expect('nothing listens any more', refused);
  expect('no process holds the data folder', holders().length === 0);
} finally {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of the group have ended, as they should.
  }
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (holders().length > 0 && performance.now() < deadline) await delay(100);
  rmSync(dataFolder, { recursive: true, force: true });
}
