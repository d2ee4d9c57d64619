import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, describeRedis, testRedisUrl, type TestDatabase } from '@dunlin/testkit';
import { buildService, type Service } from '../src/build-service.js';

interface Instance {
  readonly service: Service;
  readonly url: string;
  readonly operationsUrl: string;
  close(): Promise<void>;
}

async function startInstance(databaseUrl: string, redisUrl?: string, cacheNamespace?: string): Promise<Instance> {
  const service = await buildService({
    databaseUrl,
    ...(redisUrl === undefined ? {} : { redisUrl }),
    ...(cacheNamespace === undefined ? {} : { cacheNamespace }),
  });
  const servers = [service.app.listen(0, '127.0.0.1'), service.operations.listen(0, '127.0.0.1')];
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [url = '', operationsUrl = ''] = servers.map(addressOf);
  return {
    service,
    url,
    operationsUrl,
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await service.close();
    },
  };
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

interface Card {
  readonly id: string;
  readonly balanceMinor: string;
  readonly version: number;
}

/**
 * Asks again until the answer comes from memory, and answers with all that was shown on the way. An instance that stands still for longer than
 * its lease is not believed for a moment, and rightly asks the database; what it shows must be right in any case.
 */
async function untilHit<Shown>(ask: () => Promise<{ shown: Shown; status: string | null }>): Promise<Shown[]> {
  const all: Shown[] = [];
  await expect
    .poll(async () => {
      const { shown, status } = await ask();
      all.push(shown);
      return status;
    })
    .toMatch(/^dunlin; hit; ttl=\d+$/);
  return all;
}

function itSells(redis: () => string | undefined): void {
  let database: TestDatabase;
  let a: Instance;
  let b: Instance;
  beforeAll(async () => {
    database = await createTestDatabase();
    const namespace = `t${randomUUID().slice(0, 8)}`;
    // Together, as instances are deployed: the schema must stand that.
    const redisUrl = redis();
    [a, b] = (await Promise.all([1, 2].map(() => startInstance(database.url, redisUrl, namespace)))) as [
      Instance,
      Instance,
    ];
    for (const { service } of [a, b]) expect(await service.cache.untilCoherent(40_000)).toBe(true);
  });
  afterAll(async () => {
    await a.close();
    await b.close();
    await database.close();
  });
  const issue = async (amountMinor: string): Promise<Card> =>
    (await (await post(`${a.url}/gift-cards`, { amountMinor })).json()) as Card;
  const read = async (from: Instance, id: string): Promise<{ shown: Card; status: string | null }> => {
    const answer = await fetch(`${from.url}/gift-cards/${id}`);
    return { shown: (await answer.json()) as Card, status: answer.headers.get('cache-status') };
  };

  it('shows every acknowledged charge at once on both instances, and answers from memory in between', async () => {
    const { id } = await issue('1000');
    for (let n = 1; n <= 8; n += 1) {
      const charged = await post(`${(n % 2 === 0 ? a : b).url}/gift-cards/${id}/charges`, { amountMinor: '10' });
      expect(charged.status).toBe(201);
      for (const instance of [a, b]) {
        const balance = String(1000 - 10 * n);
        expect((await read(instance, id)).shown.balanceMinor).toBe(balance);
        for (const { balanceMinor } of await untilHit(() => read(instance, id))) expect(balanceMinor).toBe(balance);
      }
    }
  });

  it('of racing charges only those succeed that the card can pay', async () => {
    const { id } = await issue('95');
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        post(`${(n % 2 ? a : b).url}/gift-cards/${id}/charges`, { amountMinor: '10' }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 201)).toHaveLength(9);
    expect(outcomes.filter(({ status }) => status === 422)).toHaveLength(11);
    expect((await read(a, id)).shown).toMatchObject({ balanceMinor: '5', version: 10 });
  });

  it('keeps lists by query, and a new product is in every list at once', async () => {
    const names = async (from: Instance, query = ''): Promise<{ shown: string[]; status: string | null }> => {
      const answer = await fetch(`${from.url}/products${query}`);
      const { products } = (await answer.json()) as { products: { name: string }[] };
      return { shown: products.map(({ name }) => name), status: answer.headers.get('cache-status') };
    };
    await post(`${a.url}/products`, { name: 'lamp', priceMinor: '4500' });
    expect((await names(a)).shown).toEqual(['lamp']);
    for (const shown of await untilHit(() => names(a))) expect(shown).toEqual(['lamp']);
    expect((await names(b, '?limit=1')).shown).toEqual(['lamp']);
    expect((await post(`${b.url}/products`, { name: 'chair', priceMinor: '9900' })).status).toBe(201);
    for (const instance of [a, b]) {
      expect((await names(instance)).shown).toEqual(['lamp', 'chair']);
      expect((await names(instance, '?limit=1')).shown).toEqual(['lamp']);
    }
  });

  it('refuses what it cannot use, and keeps no refusal', async () => {
    const wrong: [string, unknown][] = [
      ['/products', { name: '', priceMinor: '1' }],
      ['/products', { name: 'x', priceMinor: 1 }],
      ['/gift-cards', { amountMinor: '-1' }],
      [`/gift-cards/${randomUUID()}/charges`, { amountMinor: '0' }],
    ];
    for (const [path, body] of wrong) {
      const answer = await post(a.url + path, body);
      expect([path, answer.status]).toEqual([path, 400]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    expect((await post(`${a.url}/gift-cards/${randomUUID()}/charges`, { amountMinor: '1' })).status).toBe(404);
    const broken = await fetch(`${a.url}/products`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect(broken.status).toBe(400);
    for (const id of [randomUUID(), 'no-uuid', "' OR 1=1"]) {
      const answer = await fetch(`${a.url}/gift-cards/${encodeURIComponent(id)}`);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('cache-status')).not.toContain('stored');
    }
    expect((await fetch(`${a.url}/nowhere`)).status).toBe(404);
  });

  it('its requests, statements and cache calls are measured, by template and without values', async () => {
    const { id } = await issue('77');
    await untilHit(() => read(a, id));
    const metrics = await (await fetch(`${a.operationsUrl}/metrics`)).text();
    expect(metrics).toContain('/gift-cards/:id');
    expect(metrics).not.toContain(id);
    const figures = a.service.monitor.getMetrics();
    expect(figures.database.queryCount).toBeGreaterThan(0);
    const classes = a.service.cache.getMetrics().classes;
    expect(classes.find(({ name }) => name === 'gift-card')?.hits).toBeGreaterThan(0);
    // A check that the machine held up calls a service down until the next one.
    await expect
      .poll(async () => {
        const health = await fetch(`${a.operationsUrl}/health`);
        return { code: health.status, ...((await health.json()) as object) };
      })
      .toMatchObject({ code: 200, services: { database: 'up', cache: 'up' } });
    expect((await fetch(`${a.url}/metrics`)).status).toBe(404);
  });
}

describe('the shop on Express, with PostgreSQL alone', () => {
  itSells(() => undefined);
});

describeRedis('the shop on Express, with Redis', () => {
  itSells(testRedisUrl);

  describe('two instances', () => {
    let database: TestDatabase;
    beforeEach(async () => {
      database = await createTestDatabase();
    });

    it('a list that one instance loaded is a hit on the other', async () => {
      const namespace = `t${randomUUID().slice(0, 8)}`;
      // One address for both: each call gives a logical database of its own.
      const redisUrl = testRedisUrl();
      const a = await startInstance(database.url, redisUrl, namespace);
      const b = await startInstance(database.url, redisUrl, namespace);
      // A Redis that did not answer in time on a busy machine is stepped round; the promise is about one that answers.
      await expect
        .poll(
          async () => {
            await a.service.cache.deletePattern('*');
            await fetch(`${a.url}/products`);
            return (await fetch(`${b.url}/products`)).headers.get('cache-status');
          },
          { timeout: 20_000 },
        )
        .toMatch(/^dunlin; hit; /);
      await a.close();
      await b.close();
      await database.close();
    });
  });
});
