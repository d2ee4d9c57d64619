import { promoteTestReplica, startTestPostgres, startTestReplica, type TestPostgres } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  Database,
  OptionError,
  statement,
  TimelineFence,
  type DatabaseOptions,
  type Logger,
  type QueryEvent,
} from '../src/index.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const readValue = statement('replica_read', 'SELECT n FROM shown', { readOnly: true });
const slowRead = statement('replica_slow', 'SELECT n, pg_sleep(2) FROM shown', { readOnly: true });
const allowed = { replica: 'allowed' } as const;

let primary: TestPostgres;
let replica: TestPostgres;
let onPrimary: pg.Client;
const open: Database[] = [];

beforeAll(async () => {
  primary = await startTestPostgres();
  onPrimary = await connected(primary.url.replace(/postgres$/, 'wallet'));
  await onPrimary.query('CREATE TABLE shown AS SELECT 0 AS n; GRANT ALL ON shown TO wallet');
});
beforeEach(async () => {
  replica = await startTestReplica(primary);
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await replica.stop();
});
afterAll(async () => {
  await onPrimary.end();
  await primary.stop();
});

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** By the application's own role, which is no superuser. */
function database(options: Partial<DatabaseOptions> = {}): Database {
  const created = new Database({
    connectionString: primary.ownerUrl,
    replicas: [{ name: 'reader', connectionString: replica.ownerUrl }],
    replicaCheckEveryMs: 50,
    replicaMaxLagMs: 60_000,
    replicaRetryAfterMs: 100,
    logger: quiet,
    ...options,
  });
  open.push(created);
  return created;
}

/** Reads until the replica's state is the one that is waited for: checks go on only while somebody reads. */
async function untilReplicaIs(db: Database, wanted: object): Promise<void> {
  await expect
    .poll(
      async () => {
        await db.query(readValue, [], allowed);
        return db.replicaStatus().replicas[0];
      },
      { timeout: 20_000 },
    )
    .toMatchObject(wanted);
}

async function onReplica(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = await connected(replica.url);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** Until the server runs the slow read: from here on it can be hit in the middle. */
async function untilSlowReadRuns(): Promise<void> {
  await onReplica(async (client) => {
    const running = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT n, pg_sleep%'";
    await expect.poll(async () => (await client.query(running)).rowCount).toBe(1);
  });
}

/** Nothing is lent any more but, now and then, the connection of a check. */
async function untilNothingIsLent(db: Database): Promise<void> {
  await expect.poll(() => db.replicaStatus().replicas[0]?.pool.active, { interval: 7 }).toBe(0);
}

const write = async (db: Database, n: number): Promise<void> => void (await db.query('UPDATE shown SET n = $1', [n]));

describe('a read that allows a replica', () => {
  it('is answered there once the replica is known to follow, and every figure says so', async () => {
    const events: QueryEvent[] = [];
    const db = database();
    db.onQuery((event) => events.push(event));
    expect((await db.query(readValue, [], allowed)).rowCount).toBe(1);
    expect(events[0]?.replica).toBeUndefined();
    expect(db.replicaStatus().reads.leftToPrimary.none_current).toBe(1);
    await untilReplicaIs(db, { name: 'reader', state: 'serving', reason: undefined });
    const { reads } = db.replicaStatus().replicas[0]!;
    await db.query(readValue, [], allowed);
    expect(events.at(-1)).toMatchObject({ replica: 'reader', name: 'replica_read', rows: 1 });
    expect(db.replicaStatus().reads.served).toBe(reads + 1);
  });

  it('sees its own writes: while replay stands still the primary answers, and afterwards the replica', async () => {
    const db = database();
    await write(db, 1);
    await untilReplicaIs(db, { state: 'serving' });
    await expect.poll(() => db.query(readValue, [], allowed).then(({ rows }) => rows)).toEqual([{ n: 1 }]);
    await onReplica(async (client) => {
      await client.query('SELECT pg_wal_replay_pause()');
      await expect
        .poll(async () => (await client.query('SELECT pg_get_wal_replay_pause_state() AS s')).rows)
        .toEqual([{ s: 'paused' }]);
      await write(db, 2);
      const after = await db.position();
      const before = db.replicaStatus().reads;
      expect((await db.query(readValue, [], { ...allowed, after })).rows).toEqual([{ n: 2 }]);
      expect(db.replicaStatus().reads.leftToPrimary.behind).toBe(before.leftToPrimary.behind + 1);
      // Without a position the same replica answers, with what it has.
      expect((await db.query(readValue, [], allowed)).rows).toEqual([{ n: 1 }]);
      await client.query('SELECT pg_wal_replay_resume()');
      await expect
        .poll(async () => {
          const { served } = db.replicaStatus().reads;
          expect((await db.query(readValue, [], { ...allowed, after })).rows).toEqual([{ n: 2 }]);
          return db.replicaStatus().reads.served - served;
        })
        .toBe(1);
    });
  });

  it('sees every one of many writes at once with what came before, whoever answers', async () => {
    const db = database({ replicaWaitMs: 500 });
    await untilReplicaIs(db, { state: 'serving' });
    for (let n = 100; n < 200; n += 1) {
      await write(db, n);
      const after = await db.position();
      expect((await db.query(readValue, [], { ...allowed, after })).rows).toEqual([{ n }]);
    }
    expect(db.replicaStatus().reads.served).toBeGreaterThan(50);
  });

  it('goes to the primary when the view of the replica is too old', async () => {
    const db = database({ replicaMaxLagMs: 400 });
    await untilReplicaIs(db, { state: 'serving' });
    await onReplica((client) => client.query('SELECT pg_wal_replay_pause()'));
    await write(db, 3);
    await untilReplicaIs(db, { state: 'lagging' });
    expect((await db.query(readValue, [], allowed)).rows).toEqual([{ n: 3 }]);
    await onReplica((client) => client.query('SELECT pg_wal_replay_resume()'));
    await untilReplicaIs(db, { state: 'serving' });
  });

  it('is served while the replica idles, for an idle primary has no lag', async () => {
    const db = database({ replicaMaxLagMs: 400 });
    await untilReplicaIs(db, { state: 'serving' });
    const { reads } = db.replicaStatus().replicas[0]!;
    for (const untilMs = performance.now() + 1_000; performance.now() < untilMs;)
      await db.query(readValue, [], allowed);
    expect(db.replicaStatus().replicas[0]!.reads).toBeGreaterThan(reads + 20);
  });
});

describe('a replica that fails', () => {
  it('is set aside when it is killed, the read under way is answered all the same, and it comes back', async () => {
    const db = database();
    await write(db, 4);
    await untilReplicaIs(db, { state: 'serving' });
    const reading = db.query(slowRead, [], allowed);
    await untilSlowReadRuns();
    await replica.kill9();
    expect((await reading).rows).toMatchObject([{ n: 4 }]);
    expect((await db.query(readValue, [], allowed)).rows).toEqual([{ n: 4 }]);
    expect(db.replicaStatus().replicas[0]).toMatchObject({ state: 'set_aside', reason: 'unreachable', failures: 1 });
    await untilNothingIsLent(db);
    await replica.restart();
    await untilReplicaIs(db, { state: 'serving' });
    expect(db.poolStatus().active).toBe(0);
  });

  it('is set aside when it is frozen, and the read that it swallowed is answered by the primary', async () => {
    const db = database({ statementTimeoutMs: 30_000 });
    await write(db, 5);
    await untilReplicaIs(db, { state: 'serving' });
    replica.pause();
    try {
      const startedMs = performance.now();
      // More than it has connections, so that the check finds none free either.
      const answers = await Promise.all(Array.from({ length: 30 }, () => db.query(readValue, [], allowed)));
      for (const { rows } of answers) expect(rows).toEqual([{ n: 5 }]);
      expect(performance.now() - startedMs).toBeLessThan(20_000);
      expect(db.replicaStatus().replicas[0]).toMatchObject({ state: 'set_aside', reason: 'unreachable' });
    } finally {
      replica.resume();
    }
    await untilReplicaIs(db, { state: 'serving' });
  });

  it('is set aside when it was promoted, before a read that must see a later write', async () => {
    const db = database();
    await untilReplicaIs(db, { state: 'serving' });
    await onReplica((client) => client.query('SELECT pg_promote()'));
    await write(db, 6);
    const after = await db.position();
    expect((await db.query(readValue, [], { ...allowed, after })).rows).toEqual([{ n: 6 }]);
    await untilReplicaIs(db, { state: 'set_aside', reason: 'promoted' });
    expect((await db.query(readValue, [], allowed)).rows).toEqual([{ n: 6 }]);
  });

  it('is never read from when it follows another primary', async () => {
    const other = await startTestPostgres();
    try {
      const db = database({ replicas: [{ connectionString: other.ownerUrl }] });
      await untilReplicaIs(db, { name: 'replica-1', state: 'set_aside', reason: 'other_cluster' });
      expect(db.replicaStatus().reads.served).toBe(0);
    } finally {
      for (const one of open.splice(0)) await one.close();
      await other.stop();
    }
  });
});

describe('a replica after a promotion', () => {
  it('is not read from while it follows the former primary, however far it has replayed', async () => {
    const promoted = await startTestReplica(primary);
    try {
      await promoteTestReplica(promoted);
      // The former primary goes on by itself, and its log gets ahead of the new one's.
      await onPrimary.query('CREATE TABLE astray AS SELECT generate_series(1, 1000)');
      const db = database({ connectionString: promoted.ownerUrl });
      await untilReplicaIs(db, { state: 'set_aside', reason: 'other_timeline' });
      expect(db.replicaStatus().reads.served).toBe(0);
    } finally {
      for (const one of open.splice(0)) await one.close();
      await promoted.stop();
    }
  });

  it('is not believed any more at the moment that another primary is seen', async () => {
    const fence = new TimelineFence();
    const db = database({ fence });
    await untilReplicaIs(db, { state: 'serving' });
    const facts = { standby: true, timeline: 2, cluster: fence.cluster ?? '' };
    expect(fence.judge(facts)).toBe('standby');
    expect(db.timeline).toBe(2);
    expect(db.replicaStatus().replicas[0]).toMatchObject({ state: 'unchecked' });
  });
});

describe('what a replica refuses and the primary does not', () => {
  it('is a conflict with replay: the primary answers', async () => {
    const db = database();
    await onReplica(async (client) => {
      await client.query("ALTER SYSTEM SET max_standby_streaming_delay = '10ms'");
      await client.query('SELECT pg_reload_conf()');
    });
    await write(db, 7);
    await untilReplicaIs(db, { state: 'serving' });
    const reading = db.query(slowRead, [], allowed);
    await untilSlowReadRuns();
    await onPrimary.query('UPDATE shown SET n = 8');
    await onPrimary.query('VACUUM (FREEZE) shown');
    expect((await reading).rows).toMatchObject([{ n: 8 }]);
    expect(db.replicaStatus().reads.leftToPrimary.failed).toBe(1);
    expect(db.replicaStatus().replicas[0]).toMatchObject({ state: 'serving' });
    await untilNothingIsLent(db);
  });

  it('is a table that has not arrived there yet: the primary answers', async () => {
    const db = database();
    await untilReplicaIs(db, { state: 'serving' });
    await onReplica((client) => client.query('SELECT pg_wal_replay_pause()'));
    await db.query('CREATE TABLE fresh AS SELECT 9 AS n');
    const read = statement('replica_fresh', 'SELECT n FROM fresh', { readOnly: true });
    expect((await db.query(read, [], allowed)).rows).toEqual([{ n: 9 }]);
    await db.query('DROP TABLE fresh');
    await onReplica((client) => client.query('SELECT pg_wal_replay_resume()'));
  });

  it('a statement that fails everywhere fails once, with its own error', async () => {
    const db = database();
    await untilReplicaIs(db, { state: 'serving' });
    const wrong = statement('replica_wrong', 'SELECT 1 / (n - n) FROM shown', { readOnly: true });
    await expect(db.query(wrong, [], allowed)).rejects.toMatchObject({ kind: 'rejected', code: '22012' });
    const controller = new AbortController();
    const stopped = db.query(slowRead, [], { ...allowed, signal: controller.signal });
    await untilSlowReadRuns();
    controller.abort();
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' });
    expect(db.replicaStatus().replicas[0]).toMatchObject({ state: 'serving' });
    await untilNothingIsLent(db);
  });
});

describe('a read-only transaction that allows a replica', () => {
  it('is served whole by one replica, sees its own writes, and runs on the primary when the replica goes', async () => {
    const db = database({ replicaWaitMs: 2_000 });
    await untilReplicaIs(db, { state: 'serving' });
    await write(db, 10);
    const after = await db.position();
    const options = { ...allowed, readOnly: true, after, isolation: 'repeatable read' } as const;
    const where = 'SELECT n, pg_is_in_recovery() AS there FROM shown';
    const rows = await db.transaction((tx) => tx.query(where).then((answer) => answer.rows), options);
    expect(rows).toEqual([{ n: 10, there: true }]);
    let killed = false;
    const again = await db.transaction(async (tx) => {
      await tx.query(where);
      if (!killed) await replica.kill9();
      killed = true;
      return (await tx.query(where)).rows;
    }, options);
    expect(again).toEqual([{ n: 10, there: false }]);
    expect(db.replicaStatus().replicas[0]).toMatchObject({ state: 'set_aside' });
    await untilNothingIsLent(db);
    expect(db.poolStatus().active).toBe(0);
  });
});

describe('options of replicas', () => {
  it('are refused by name, and so is a read that might write', async () => {
    const db = database();
    await expect(db.query('SELECT 1', [], allowed)).rejects.toThrow(OptionError);
    await expect(db.query(statement('replica_write', 'SELECT 1'), [], allowed)).rejects.toThrow('declared readOnly');
    await expect(db.transaction(async () => 1, allowed)).rejects.toThrow('read-only transactions');
    const two = [
      { name: 'a', connectionString: replica.url },
      { name: 'a', connectionString: replica.url },
    ];
    expect(() => database({ replicas: two })).toThrow('option replicas was given "a"');
    expect(() => database({ replicas: [{}] })).toThrow('connectionString');
    expect(() => database({ replicaCheckEveryMs: 1_000, replicaMaxLagMs: 1_500 })).toThrow('replicaMaxLagMs');
    const bad = db.query(readValue, [], { ...allowed, after: 'somewhere' as never });
    await expect(bad).rejects.toThrow('"somewhere" does not');
  });

  it('without any replica the same reads go to the primary', async () => {
    const db = database({ replicas: [] });
    expect((await db.query(readValue, [], { ...allowed, after: await db.position() })).rowCount).toBe(1);
    expect(await db.transaction(async () => 'done', { ...allowed, readOnly: true })).toBe('done');
  });
});
