import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { describe } from 'vitest';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const program = process.env['CHROMIUM_PATH'] ?? PLACES.find((place) => existsSync(place));

/** Where the run leaves a picture of every view; git ignores it. */
export const SCREENSHOTS = fileURLToPath(new URL('../../../../screenshots/', import.meta.url));

/** Tests that need a browser; without one they are skipped by name, except in CI, where that is a failure. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (program !== undefined || process.env['CI'] === 'true') describe(name, tests);
  else describe.skip(`${name} (skipped: install chromium, or name one in CHROMIUM_PATH)`, tests);
}

export async function startBrowser(): Promise<Browser> {
  if (program === undefined)
    throw new Error('These tests need a Chromium: apt-get install chromium, or CHROMIUM_PATH.');
  return await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page that remembers what must not happen in it. */
export interface WatchedPage {
  page: Page;
  /** Errors and warnings of the console, uncaught errors, and requests that went to any other host. */
  troubles: string[];
}

export async function openPage(context: BrowserContext, url: string, path = '/performance'): Promise<WatchedPage> {
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) troubles.push(`asked ${request.url()}`);
  });
  await page.goto(`${url}${path}`);
  return { page, troubles };
}

export async function signIn(page: Page, { email, password }: { email: string; password: string }): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
