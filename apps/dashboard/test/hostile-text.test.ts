import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { operatorCredentials, startApp, type RunningApp } from '../../wallet/test/support/app.js';
import { describeInBrowser, openPage, signIn, startBrowser } from './support/browser.js';

// Longer than the waits inside the test, so that it is the wait in vain that is named.
vi.setConfig({ testTimeout: 180_000 });

/** Whatever comes of it: an element of its own, a handler, a script. */
const hostile = `"><img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;

describeInBrowser('what others wrote, on the page', () => {
  let app: RunningApp;
  let browser: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    app = await startApp({ environment: { PERF_SLOW_QUERY_MS: '1' } });
    browser = await startBrowser();
    context = await browser.newContext();
    context.setDefaultTimeout(30_000);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });

  it('stands there as text, and nothing of it runs', async () => {
    const { operator } = app;
    const muted = await operator.call('POST', '/performance/mutes', { body: { minutes: 5, reason: hostile } });
    expect(muted.status, muted.text).toBe(201);
    // What strangers can write: a path that is not there, an agent's name, a correlation id.
    await app.http.get(`/${encodeURIComponent(hostile)}`, { 'user-agent': hostile, 'x-correlation-id': hostile });
    const deployed = await operator.call('POST', '/performance/deployments', {
      body: { version: hostile.slice(0, 40) },
    });
    const named = await operator.call('POST', '/performance/rules', {
      body: { name: 'hostile', title: hostile, metric: 'responseTime.p95', comparison: 'above', threshold: 1 },
    });
    // Refused or taken, as each field's own rule has it; what is taken must be harmless.
    for (const { status } of [deployed, named]) expect(status).toBeLessThan(500);

    const { page } = await openPage(context, app.url);
    await signIn(page, operatorCredentials);
    await page.locator('.connection-live').waitFor();
    for (const view of ['alerts', 'overview', 'endpoints', 'queries', 'report', 'cache', 'maintenance', 'ledger']) {
      await page.evaluate(`location.hash = '#/${view}'`);
      if (view === 'alerts') await page.getByText(hostile).first().waitFor();
      await page.locator('main').waitFor();
      expect([view, await page.locator('main img, main script').count()]).toEqual([view, 0]);
      expect([view, await page.title()]).toEqual([view, expect.not.stringContaining('taken')]);
    }
    // And through the address, which somebody may have sent.
    for (const view of [
      `endpoint/${encodeURIComponent(hostile)}`,
      `trace/${encodeURIComponent(hostile)}`,
      `query/${encodeURIComponent(hostile)}`,
      hostile,
    ]) {
      await page.evaluate(`location.hash = ${JSON.stringify(`#/${view}`)}`);
      await page.locator('main').waitFor();
      expect(await page.locator('main img, main script').count()).toBe(0);
      expect(await page.title()).not.toContain('taken');
    }
  });
});
