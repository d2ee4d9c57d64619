import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '@dunlin/testkit';
import { MemoryAlertStore, PostgresMonitoringStore, type AlertStore } from '../src/index.js';
import type { StoredAlert } from '../src/alerts/stored-alert.js';
import { uuidV7 } from '../src/uuid-v7.js';
import { monitoringDatabase, poolFor, queryableOf } from './support/monitoring-database.js';

const NOW = new Date(Date.UTC(2026, 0, 1));

function stored(type: StoredAlert['alert']['type'], state: 'pending' | 'firing' | 'resolved' = 'firing'): StoredAlert {
  return {
    alert: {
      id: uuidV7(NOW.getTime()),
      type,
      severity: 'high',
      state,
      message: "it's slow; DROP TABLE",
      value: 2500,
      threshold: 2000,
      startedAt: NOW.toISOString(),
      instances: ['a'],
    },
    version: 0,
    sources: {},
    announced: false,
    lastAnnouncedMs: 0,
  };
}

const pools: pg.Pool[] = [];
const databases: TestDatabase[] = [];

async function postgresStore(): Promise<AlertStore> {
  const database = await monitoringDatabase();
  const pool = poolFor(database.url);
  databases.push(database);
  pools.push(pool);
  return new PostgresMonitoringStore(queryableOf(pool));
}

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await Promise.all(databases.map((database) => database.close()));
});

describe.each([
  ['memory', (): Promise<AlertStore> => Promise.resolve(new MemoryAlertStore())],
  ['PostgreSQL', postgresStore],
])('the alert store in %s', (_name, create) => {
  let store: AlertStore;
  beforeAll(async () => {
    store = await create();
  });

  it('opens one alert a cause, and another only when the first is resolved', async () => {
    const first = stored('cpu_usage');
    expect(await store.insert(first)).toBe(true);
    expect(await store.insert(stored('cpu_usage', 'pending'))).toBe(false);
    expect(await store.insert(stored('memory_usage'))).toBe(true);
    const resolved = { ...first, alert: { ...first.alert, state: 'resolved' as const, resolvedAt: NOW.toISOString() } };
    expect(await store.replace(resolved)).toBe(true);
    expect(await store.insert(stored('cpu_usage', 'pending'))).toBe(true);
  });

  it('lets one of several racing replacements win', async () => {
    const alert = stored('rule:race');
    await store.insert(alert);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, i) => store.replace({ ...alert, alert: { ...alert.alert, value: i } })),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    const after = await store.find(alert.alert.id);
    expect(after?.version).toBe(1);
    expect(after?.alert.value).toBe(outcomes.indexOf(true));
    expect(await store.remove(alert)).toBe(false);
    expect(await store.remove(after!)).toBe(true);
    expect(await store.find(alert.alert.id)).toBeUndefined();
  });

  it('gives back exactly what it was given, and finds nothing for an id that is none', async () => {
    const alert = stored('rule:round-trip');
    await store.insert(alert);
    expect(await store.find(alert.alert.id)).toEqual(alert);
    expect((await store.load()).open).toContainEqual(alert);
    expect(await store.find("' OR 1=1")).toBeUndefined();
  });

  it('changes its revision with every change, and only then', async () => {
    const before = await store.revision();
    expect(await store.revision()).toBe(before);
    await store.patchThresholds({ cpuUsagePercent: 50 }, 'ann', NOW);
    const after = await store.revision();
    expect(after).not.toBe(before);
    expect((await store.load()).revision).toBe(after);
  });

  it('sets and takes back thresholds, and remembers who did', async () => {
    await store.patchThresholds({ responseTimeMs: 500, slowQueryMs: 100.5 }, 'ann', NOW);
    await store.patchThresholds({ responseTimeMs: null, errorRatePercent: 2 }, 'bob', NOW);
    const { thresholds, changes } = await store.load();
    expect(thresholds).toMatchObject({ slowQueryMs: 100.5, errorRatePercent: 2 });
    expect(thresholds).not.toHaveProperty('responseTimeMs');
    expect(changes[0]).toMatchObject({ kind: 'threshold', by: 'bob' });
  });

  it('keeps rules by name and mutes by id', async () => {
    const rule = { name: 'busy', metric: 'throughput.requestsPerSecond', comparison: 'above', threshold: 5 } as const;
    await store.putRule(rule, 'ann', NOW);
    await store.putRule({ ...rule, threshold: 6 }, 'ann', NOW);
    expect((await store.load()).rules).toEqual([{ ...rule, threshold: 6 }]);
    expect(await store.removeRule('busy', 'ann', NOW)).toBe(true);
    expect(await store.removeRule('busy', 'ann', NOW)).toBe(false);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const mute = { id: uuidV7(1), reason: 'r', createdBy: 'ann', createdAt: NOW.toISOString(), until };
    await store.addMute(mute);
    expect((await store.load()).mutes).toEqual([mute]);
    expect(await store.removeMute(mute.id)).toBe(true);
    expect(await store.removeMute(mute.id)).toBe(false);
  });

  it('forgets what was resolved long ago, and nothing that is open', async () => {
    const old = stored('rule:old');
    await store.insert(old);
    await store.replace({ ...old, alert: { ...old.alert, state: 'resolved', resolvedAt: NOW.toISOString() } });
    const open = stored('rule:open');
    await store.insert(open);
    await store.prune(new Date(NOW.getTime() + 1));
    expect(await store.find(old.alert.id)).toBeUndefined();
    expect(await store.find(open.alert.id)).toEqual(open);
  });
});

it('undoes its tables completely', async () => {
  const { monitoringSchemaDown, monitoringSchemaUp } = await import('../src/index.js');
  const database = await monitoringDatabase();
  const pool = poolFor(database.url);
  await pool.query(monitoringSchemaDown);
  const left = await pool.query("SELECT relname FROM pg_class WHERE relname LIKE 'monitoring%'");
  expect(left.rows).toEqual([]);
  await pool.query(monitoringSchemaUp);
  await pool.end();
  await database.close();
});
