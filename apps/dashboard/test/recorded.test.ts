import { fileURLToPath } from 'node:url';
import { createServer, type ViteDevServer } from 'vite';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeInBrowser, openPage, signIn, startBrowser } from './support/browser.js';

// Longer than the waits inside the test, so that it is the wait in vain that is named.
vi.setConfig({ testTimeout: 180_000 });

describeInBrowser('the page with recorded figures and no backend', () => {
  let server: ViteDevServer;
  let browser: Browser;
  let url: string;

  beforeAll(async () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    server = await createServer({
      root,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0, hmr: false, ws: false },
    });
    await server.listen();
    url = `http://127.0.0.1:${(server.httpServer!.address() as AddressInfo).port}`;
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('shows every view', async () => {
    const context = await browser.newContext();
    context.setDefaultTimeout(30_000);
    const { page, troubles } = await openPage(context, url, '/performance/');
    await signIn(page, { email: 'anybody@example.test', password: 'anything' });
    await page.locator('.connection-live').waitFor();
    await page.locator('.chart').first().waitFor();
    for (const view of ['endpoints', 'queries', 'cache', 'alerts', 'report', 'maintenance', 'ledger']) {
      await page.evaluate(`location.hash = '#/${view}'`);
      await page.locator('main .card').first().waitFor();
      await page.locator('main .skeleton').first().waitFor({ state: 'detached' });
      expect(await page.locator('main .notice-bad').count(), view).toBe(0);
    }
    // The development server's own socket for reloads is off in this test, and says so.
    expect(troubles.filter((trouble) => !/vite|WebSocket/.test(trouble))).toEqual([]);
  });
});
