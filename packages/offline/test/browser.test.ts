import { accessSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build, type Rollup } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as Offline from '../src/index.js';
import type { PublishedKey } from '../src/index.js';

const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executable = [process.env.CHROMIUM_PATH ?? '', ...installed].find((path) => {
  try {
    accessSync(path);
    return true;
  } catch {
    // Not this one.
    return false;
  }
});
const required = process.env.CI === 'true';
// Without a browser the tests are skipped by name, except in CI, where the first of them fails.
const describeBrowser = executable === undefined && !required ? describe.skip : describe;

interface Vectors {
  at: string;
  keys: PublishedKey[];
  sound: { title: string; chain: string[] }[];
  refused: { title: string; chain: string[]; code: string; piece: number; at?: string }[];
}
const vectors = JSON.parse(readFileSync(new URL('../test-vectors.json', import.meta.url), 'utf8')) as Vectors;

/** Without the browser's own cryptography, which an older one lacks. */
const html = `<!doctype html><title>offline</title>
  <script>Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined })</script>
  <script type="module">import * as offline from '/offline.js'; globalThis.offline = offline;</script>`;

/** The package as a device would take it: one script, nothing of Node.js beneath. */
async function bundle(): Promise<string> {
  const built = (await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['dunlin-source', 'module', 'browser', 'default'] },
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry: fileURLToPath(new URL('../src/index.ts', import.meta.url)), formats: ['es'] },
    },
  })) as Rollup.RollupOutput[];
  const [chunk] = built.flatMap(({ output }) => output);
  if (chunk?.type !== 'chunk') throw new Error('nothing was bundled');
  return chunk.code;
}

describeBrowser('in a browser (apt-get install chromium)', () => {
  let code: string;
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    code = await bundle();
    server = createServer((request, response) => {
      const script = request.url === '/offline.js';
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
      response.end(script ? code : html);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    if (executable === undefined) throw new Error('with CI=true a browser must be there: apt-get install chromium');
    const args = ['--no-sandbox', '--disable-dev-shm-usage'];
    browser = await chromium.launch({ executablePath: executable, args, timeout: 90_000 });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { timeout: 60_000 });
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await new Promise((resolve) => server?.close(resolve));
  });

  const verdicts = async (): Promise<string[]> => {
    const all: { chain: string[]; at?: string }[] = [...vectors.sound, ...vectors.refused];
    const asked = all.map(({ chain, at = vectors.at }) => ({ chain, nowMs: Date.parse(at) }));
    const published = vectors.keys.map((key) => ({ ...key, isActive: true }));
    return page.evaluate(
      ({ keys, chains }) => {
        const { offline } = globalThis as unknown as { offline: typeof Offline };
        const known = offline.offlineKeys(keys);
        return chains.map(({ chain, nowMs }) => offline.verifyOffline(chain, known, nowMs).kind);
      },
      { keys: published, chains: asked },
    );
  };

  test('every vector is judged as in Node.js, with no native Ed25519', async () => {
    const expected = [...vectors.sound.map(() => 'ok'), ...vectors.refused.map(({ code: kind }) => kind)];
    expect(await verdicts()).toEqual(expected);
  });

  test('the bundle is small, and asks for nothing of Node.js', () => {
    expect(code.length).toBeLessThan(40_000);
    expect(code).not.toMatch(/from\s*"node:|require\(/);
  });
});
