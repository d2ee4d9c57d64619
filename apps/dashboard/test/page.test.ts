import axe from 'axe-core';
import { startFaultProxy, type FaultProxy } from '@dunlin/testkit';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { operatorCredentials, startApp, userPassword, type RunningApp } from '../../wallet/test/support/app.js';
import { describeInBrowser, openPage, screenshot, signIn, startBrowser, type WatchedPage } from './support/browser.js';
import { startTraffic } from './support/traffic.js';

// Longer than the waits inside a test, so that it is the wait in vain that is named.
vi.setConfig({ testTimeout: 180_000 });

const VIEWS = ['overview', 'endpoints', 'queries', 'cache', 'alerts', 'report', 'maintenance', 'ledger'] as const;

describeInBrowser('the page at /performance', () => {
  let app: RunningApp;
  let proxy: FaultProxy;
  let url: string;
  let browser: Browser;
  let context: BrowserContext;
  let traffic: { stop(): Promise<void> };

  beforeAll(async () => {
    app = await startApp({ environment: { HEALTH_CHECK_INTERVAL: '1000', PERF_SLOW_QUERY_MS: '1' } });
    proxy = await startFaultProxy({ targetPort: Number(new URL(app.url).port) });
    url = `http://127.0.0.1:${proxy.port}`;
    const users = await Promise.all(['9000', '9000', '9000'].map((amount) => app.fundedUser(amount)));
    await users[0]!.http.post('/tokens/purchase', { amount: '500' });
    traffic = startTraffic(app, users);
    browser = await startBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(30_000);
  }, 120_000);

  // A page that a failed test left open would keep its stream, and a browser has six connections for a host.
  afterEach(() => Promise.all(context.pages().map((page) => page.close())));

  afterAll(async () => {
    await traffic?.stop();
    await browser?.close();
    await proxy?.close();
    await app?.close();
  });

  const signedIn = async (): Promise<WatchedPage> => {
    const watched = await openPage(context, url);
    await signIn(watched.page, operatorCredentials);
    await watched.page.locator('.connection-live').waitFor();
    return watched;
  };
  const goTo = async (page: Page, view: string): Promise<void> => {
    await page.evaluate(`location.hash = '#/${view}'`);
  };

  it('says in words why somebody cannot sign in, and puts no token in an address', async () => {
    const { page } = await openPage(context, url);
    await signIn(page, { ...operatorCredentials, password: 'not the password' });
    await page.getByText('do not fit together').waitFor();
    const user = await app.newUser();
    await signIn(page, { email: user.email, password: userPassword });
    await page.getByText('is no operator').waitFor();
    await signIn(page, operatorCredentials);
    await page.locator('.connection-live').waitFor();
    expect(page.url()).not.toMatch(/token|eyJ/);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.toContain('eyJ');
  });

  it('shows figures that move', async () => {
    const { page, troubles } = await signedIn();
    const note = page.locator('.tile', { hasText: 'Statements' }).locator('.tile-note');
    const before = await note.textContent();
    await expect.poll(() => note.textContent(), { timeout: 30_000 }).not.toBe(before);
    await page.getByText('Charts begin').waitFor({ state: 'detached', timeout: 30_000 });
    expect(troubles).toEqual([]);
  });

  it('leads from an endpoint to its statement to the plan', async () => {
    const { page, troubles } = await signedIn();
    await page.getByRole('link', { name: 'Endpoints' }).click();
    await page.getByRole('link', { name: 'GET /wallet/transactions', exact: true }).click();
    await page.getByRole('heading', { name: 'How long it took' }).waitFor();
    await page.locator('.distribution rect').first().waitFor();
    await page.getByRole('region', { name: 'Statements of this endpoint' }).getByRole('link').first().click();
    await page.getByRole('heading', { name: 'Plan' }).waitFor();
    await page.locator('.plan-step.costly').waitFor({ timeout: 30_000 });
    await screenshot(page, 'query-light');
    await page.getByRole('link', { name: 'GET /wallet/transactions', exact: true }).first().click();
    await page.getByRole('region', { name: 'Requests' }).getByRole('link').first().click();
    await page.locator('.waterfall .bar.kind-cache').first().waitFor();
    // The slowest one may have waited for another's load; one that sent statements itself shows them.
    const traces = (await app.operator.get('/performance/traces?limit=500')).body as unknown as {
      data: { endpoint: string; correlationId: string; queries: unknown[] }[];
    };
    const loaded = traces.data.find(
      (trace) => trace.endpoint === 'GET /wallet/transactions' && trace.queries.length > 0,
    );
    await goTo(page, `trace/${loaded!.correlationId}`);
    await page.locator('.waterfall .bar.kind-query').first().waitFor();
    await screenshot(page, 'trace-light');
    expect(troubles).toEqual([]);
  });

  it('changes a threshold, sees the alert fire with its evidence, and resolves it', async () => {
    const { page, troubles } = await signedIn();
    await page.getByRole('link', { name: /^Alerts/ }).click();
    const field = page.getByLabel('CPU (%)');
    await field.fill('0');
    await field.press('Enter');
    await page.locator('.announcer', { hasText: /must be|between|at least|least/ }).waitFor();
    await field.fill('1');
    await field.press('Enter');
    await page.getByText('CPU is now 1 %.').waitFor();
    const firing = page.locator('section', { has: page.getByRole('heading', { name: /^Firing/ }) });
    const alert = firing.locator('.alert', { hasText: 'cpu usage' });
    await alert.waitFor({ timeout: 120_000 });
    await alert.getByRole('button', { name: 'Show the evidence' }).click();
    await alert.getByRole('heading', { name: 'worst query' }).waitFor();
    await screenshot(page, 'alert-firing-light');
    await alert.getByRole('button', { name: 'Acknowledge cpu usage' }).click();
    await page.getByText('Acknowledged: no reminders').waitFor();
    await alert.getByText('acknowledged', { exact: true }).waitFor();
    // Before the threshold is raised, for then it may end by itself at any moment.
    await alert.getByRole('button', { name: 'Resolve cpu usage' }).click();
    await page.getByText('Resolved. It comes back').waitFor();
    await alert.waitFor({ state: 'detached' });
    const resolved = page.locator('section', { has: page.getByRole('heading', { name: /^Resolved/ }) });
    await resolved.locator('.alert', { hasText: 'cpu usage' }).first().waitFor();
    await field.fill('99');
    await field.press('Enter');
    await page.getByText('CPU is now 99 %.').waitFor();
    // The refused value is one answered 400, which the browser itself notes.
    expect(troubles.filter((trouble) => !trouble.includes('400'))).toEqual([]);
  });

  it('states the count before it makes cache entries stale', async () => {
    const { page } = await signedIn();
    await goTo(page, 'cache');
    await page.getByLabel(/^Pattern/).fill('user:*');
    await page.getByRole('button', { name: 'Count first' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/fit the pattern/).waitFor();
    await dialog.getByRole('button', { name: /^Make .* stale$/ }).click();
    await page.getByText(/entr(y|ies) made stale/).waitFor();
  });

  it('says that the connection is gone, and shows the gap when it is back', async () => {
    const { page } = await signedIn();
    proxy.blackhole();
    await page.getByText(/no connection for/).waitFor({ timeout: 40_000 });
    await screenshot(page, 'overview-lost-light');
    proxy.heal();
    proxy.reset();
    await page.locator('.connection-live').waitFor({ timeout: 30_000 });
    await page.getByText(/No connection until/).waitFor();
  });

  it('shows all instances as one', async () => {
    const second = await startApp({ database: app.database, environment: app.environment });
    try {
      const { page, troubles } = await signedIn();
      await page.getByLabel('Whose figures').selectOption('fleet');
      const instances = page.getByRole('region', { name: 'Instances' }).getByRole('listitem');
      await expect.poll(() => instances.count(), { timeout: 30_000 }).toBe(2);
      expect(page.url()).toContain('scope=fleet');
      expect(troubles).toEqual([]);
    } finally {
      await second.close();
    }
  });

  it('is read and worked with the keyboard alone', async () => {
    const { page } = await signedIn();
    const chart = page.getByRole('slider', { name: /^Response time/ });
    await chart.waitFor();
    await expect.poll(() => chart.getAttribute('aria-valuemax'), { timeout: 30_000 }).not.toBe('0');
    await chart.focus();
    await page.keyboard.press('Home');
    const first = await chart.getAttribute('aria-valuetext');
    await page.keyboard.press('End');
    await expect.poll(() => chart.getAttribute('aria-valuetext'), { timeout: 30_000 }).not.toBe(first);
    await page.keyboard.press('+');
    await page.getByRole('button', { name: 'Show all' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Show all' }).waitFor({ state: 'detached' });

    await page.reload();
    await page.locator('.connection-live').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the figures');
    await page.keyboard.press('Enter');
    const seen = new Set<string>();
    for (let step = 0; step < 20; step += 1) {
      await page.keyboard.press('Shift+Tab');
      seen.add(await focused(page));
    }
    for (const view of ['Overview', 'Endpoints', 'Queries', 'Cache', 'Report', 'Maintenance', 'Ledger'])
      expect([...seen]).toContain(view);
  });

  it('has nothing that axe finds fault with, in any view, light and dark, and fits 360 px', async () => {
    const { page, troubles } = await signedIn();
    await app.operator.call('POST', '/performance/database/maintenance');
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const view of VIEWS) {
        await page.setViewportSize({ width: 1280, height: 900 });
        await goTo(page, view);
        await page.locator('main .skeleton').first().waitFor({ state: 'detached', timeout: 20_000 });
        await page.waitForTimeout(400);
        await screenshot(page, `${view}-${scheme}`);
        // Colours and widths settle in a moment; what is wrong stays wrong.
        const settles = { timeout: 15_000, interval: 500, message: `${view}, ${scheme}` };
        await expect.poll(() => violations(page), settles).toEqual([]);
        await page.setViewportSize({ width: 360, height: 740 });
        const tooWide = () =>
          page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
        await page.waitForTimeout(150);
        await expect.poll(tooWide, { ...settles, message: `${view} is wider than 360 px` }).toBe(false);
        if (view === 'overview') await screenshot(page, `${view}-${scheme}-phone`);
      }
    }
    expect(troubles).toEqual([]);
  }, 300_000);

  it('is small, cached by its hash, and allows nothing from elsewhere', async () => {
    const shell = await fetch(`${app.url}/performance`);
    const html = await shell.text();
    const policy = shell.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(html).not.toMatch(/https?:\/\//);
    const parts = [...html.matchAll(/(?:src|href)="(\/performance\/assets\/[^"]+)"/g)].map((match) => match[1]!);
    expect(parts.length).toBeGreaterThan(1);
    let bytes = Number(shell.headers.get('content-length'));
    for (const part of parts) {
      const asset = await fetch(app.url + part, { headers: { 'accept-encoding': 'gzip' } });
      expect(asset.headers.get('cache-control')).toContain('immutable');
      expect(part).toMatch(/-[\w-]{8,}\.(js|css|svg)$/);
      bytes += Number(asset.headers.get('content-length'));
    }
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(100_000);
    expect((await fetch(`${app.url}/performance/assets/nothing.js`)).status).toBe(404);
  });
});

/** The name of what has the focus. */
async function focused(page: Page): Promise<string> {
  return await page.evaluate<string>("(document.activeElement?.childNodes[0]?.textContent ?? '').trim()");
}

/** Rule, and where, of everything that axe objects to at WCAG 2.2 AA. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate<string[]>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
       .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map((node) => node.target + ' ' + node.failureSummary).join(' | ')))`,
  );
}
