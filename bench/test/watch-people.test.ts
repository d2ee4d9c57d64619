import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchPeople } from '../src/mainstream/workers/watch-people.js';
import type { WatchReport } from '../src/mainstream/workers/watched-payments.js';

/** How the second instance answers a look at the balance, given the true one. */
type Second = (balance: number) => { status: number; available: number };

/** Two instances of a bank with one account, of which the second may lie. */
describe('people who pay and look', () => {
  const agent = new Agent({ keepAlive: true });
  let balance: number;
  let second: Second;
  let servers: Server[];
  let urls: [string, string];

  const listen = async (look: () => { status: number; available: number }): Promise<string> => {
    const server = createServer((request, response) => {
      const isPayment = request.method === 'POST';
      if (isPayment) balance -= 1;
      const { status, available } = isPayment ? { status: 201, available: balance } : look();
      request.resume().once('end', () => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ available: String(available) }));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  beforeEach(async () => {
    balance = 1_000_000;
    servers = [];
    const first = await listen(() => ({ status: 200, available: balance }));
    urls = [first, await listen(() => second(balance))];
  });
  afterEach(async () => {
    agent.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
  /** A fifth of a second is time for many payments, unless the machine stands still just then: that says nothing, and it is begun anew. */
  const watch = async (): Promise<WatchReport> => {
    for (let attempt = 1; ; attempt += 1) {
      const report = await watchPeople(agent, { urls, people: [{ token: 't', receiverId: 'r' }] }, 200);
      if (attempt === 10 || (report.payments > 1 && report.longestMs < 2_000)) return report;
    }
  };

  it('find nothing wrong with a bank that tells the truth', async () => {
    second = (available) => ({ status: 200, available });
    const report = await watch();
    expect(report.payments).toBeGreaterThan(1);
    expect(report.firstReads).toBe(report.payments);
    expect(report).toMatchObject({ staleFirstReads: 0, staleReads: 0, failed: 0 });
    expect(report.reads).toBeGreaterThan(report.firstReads);
  });

  it('catch an instance that remembers an older balance', async () => {
    const remembered = balance;
    second = () => ({ status: 200, available: remembered });
    const report = await watch();
    expect(report.staleFirstReads).toBe(report.firstReads);
    // The first instance tells the truth still.
    expect(report.staleReads).toBeLessThan(report.reads);
    expect(report.staleReads).toBeGreaterThanOrEqual(report.staleFirstReads);
  });

  it('catch an instance that is one payment behind', async () => {
    second = (available) => ({ status: 200, available: available + 1 });
    const report = await watch();
    expect(report.staleFirstReads).toBe(report.firstReads);
  });

  it('count what fails apart, and call it neither fresh nor stale', async () => {
    second = (available) => ({ status: 503, available });
    const report = await watch();
    expect(report.failed).toBeGreaterThan(0);
    expect(report.staleReads).toBe(0);
    expect(report.reads).toBeLessThanOrEqual(report.payments);
  });
});
