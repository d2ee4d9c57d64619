import { promoteTestReplica, startTestPostgres, startTestReplica, type TestPostgres } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  Database,
  statement,
  TimelineFence,
  type DatabaseOptions,
  type Logger,
  type QueryEvent,
  type WalPosition,
} from '../src/index.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const readValue = statement('replica_read', 'SELECT n FROM shown', { readOnly: true });
// On a replica it lasts longer than anything here waits for it; the primary, which may have to answer it after all, does so at once.
const slowRead = statement(
  'replica_slow',
  'SELECT n, pg_sleep(CASE WHEN pg_is_in_recovery() THEN 25 ELSE 0 END) FROM shown',
  { readOnly: true },
);
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
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
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
    .poll(async () => {
      await db.query(readValue, [], allowed);
      return db.replicaStatus().replicas[0];
    })
    .toMatchObject(wanted);
}

/** Asks nothing itself: the checks go on for half a minute after the last read. What a check finds may come after what a read met. */
async function untilCheckSays(db: Database, wanted: object): Promise<void> {
  await expect.poll(() => db.replicaStatus().replicas[0]).toMatchObject(wanted);
}

/** Reads that must see the position, until the replica serves one; answers with what all of them saw. */
async function untilReplicaServes(db: Database, after: WalPosition): Promise<unknown[][]> {
  const seen: unknown[][] = [];
  await expect
    .poll(async () => {
      const { served } = db.replicaStatus().reads;
      seen.push((await db.query(readValue, [], { ...allowed, after })).rows);
      return db.replicaStatus().reads.served - served;
    })
    .toBe(1);
  return seen;
}

async function onReplica(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = await connected(replica.url);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

interface SlowRead {
  readonly answer: ReturnType<Database['query']>;
  readonly hasEnded: boolean;
}

/**
 * A slow read that the replica is busy with: from here on it can be hit in the middle. Where the machine stood still for as long as a check
 * may take, the replica is set aside and the primary answers at once; then it is begun again.
 */
async function slowReadOnReplica(db: Database, signal?: AbortSignal): Promise<SlowRead> {
  const running = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT n, pg_sleep%'";
  const client = await connected(replica.url);
  try {
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      await untilReplicaIs(db, { state: 'serving' });
      const answer = db.query(slowRead, [], signal === undefined ? allowed : { ...allowed, signal });
      const read = { answer, hasEnded: false };
      const end = (): void => void (read.hasEnded = true);
      void answer.then(end, end);
      await expect.poll(async () => read.hasEnded || (await client.query(running)).rowCount === 1).toBe(true);
      if (!read.hasEnded) return read;
    }
    throw new Error('the replica never got to serve the slow read');
  } finally {
    await client.end();
  }
}

/** Nothing is lent any more, of neither server, but now and then the connection of a check. */
async function untilNothingIsLent(db: Database): Promise<void> {
  await expect.poll(() => db.replicaStatus().replicas[0]?.pool.active, { interval: 7 }).toBe(0);
  await expect.poll(() => db.poolStatus().active, { interval: 7 }).toBe(0);
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
    const { served } = db.replicaStatus().reads;
    await expect
      .poll(async () => {
        await db.query(readValue, [], allowed);
        return events.at(-1);
      })
      .toMatchObject({ replica: 'reader', name: 'replica_read', rows: 1 });
    expect(db.replicaStatus().reads.served).toBeGreaterThan(served);
    expect(db.replicaStatus().reads.served).toBe(db.replicaStatus().replicas[0]?.reads);
    const answered = events.filter(({ replica: name, errorCode }) => name === 'reader' && errorCode === undefined);
    expect(db.replicaStatus().reads.served).toBe(answered.length);
  });

  it('sees its own writes: while replay stands still the primary answers, and afterwards the replica', async () => {
    const db = database();
    await write(db, 1);
    await untilReplicaServes(db, await db.position());
    await onReplica(async (client) => {
      await client.query('SELECT pg_wal_replay_pause()');
      await expect
        .poll(async () => (await client.query('SELECT pg_get_wal_replay_pause_state() AS s')).rows)
        .toEqual([{ s: 'paused' }]);
      await write(db, 2);
      const after = await db.position();
      const { behind } = db.replicaStatus().reads.leftToPrimary;
      const seen: unknown[][] = [];
      await expect
        .poll(async () => {
          seen.push((await db.query(readValue, [], { ...allowed, after })).rows);
          return db.replicaStatus().reads.leftToPrimary.behind;
        })
        .toBeGreaterThan(behind);
      // Without a position the same replica answers, with what it has.
      await expect.poll(async () => (await db.query(readValue, [], allowed)).rows).toEqual([{ n: 1 }]);
      await client.query('SELECT pg_wal_replay_resume()');
      seen.push(...(await untilReplicaServes(db, after)));
      for (const rows of seen) expect(rows).toEqual([{ n: 2 }]);
    });
  });

  it('sees every one of many writes at once with what came before, whoever answers', async () => {
    const db = database({ replicaWaitMs: 500 });
    await untilReplicaIs(db, { state: 'serving' });
    const { served } = db.replicaStatus().reads;
    const servedHere = (): number => db.replicaStatus().reads.served - served;
    // A replica that is set aside for a moment, on a machine that stands still, misses some of them; then there are more.
    for (let n = 100; n < 200 || (n < 20_000 && servedHere() <= 50); n += 1) {
      await write(db, n);
      const after = await db.position();
      expect((await db.query(readValue, [], { ...allowed, after })).rows).toEqual([{ n }]);
    }
    expect(servedHere()).toBeGreaterThan(50);
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
    let [position, sinceMs] = [await db.position(), performance.now()];
    // Served when nothing has been written for longer than it may lag; the server writes something of its own now and then.
    await expect
      .poll(
        async () => {
          const now = await db.position();
          if (now !== position) [position, sinceMs] = [now, performance.now()];
          const [idleMs, { served }] = [performance.now() - sinceMs, db.replicaStatus().reads];
          await db.query(readValue, [], allowed);
          return idleMs > 1_000 && db.replicaStatus().reads.served > served;
        },
        { interval: 5 },
      )
      .toBe(true);
  });
});

describe('a replica that fails', () => {
  it('is set aside when it is killed, the read under way is answered all the same, and it comes back', async () => {
    const db = database();
    await write(db, 4);
    const { answer } = await slowReadOnReplica(db);
    await replica.kill9();
    expect((await answer).rows).toMatchObject([{ n: 4 }]);
    expect((await db.query(readValue, [], allowed)).rows).toEqual([{ n: 4 }]);
    // A check that was answered just before the end may speak for the replica once more.
    await untilCheckSays(db, { state: 'set_aside', reason: 'unreachable' });
    expect(db.replicaStatus().replicas[0]?.failures).toBeGreaterThan(0);
    await untilNothingIsLent(db);
    await replica.restart();
    await untilReplicaIs(db, { state: 'serving' });
    await untilNothingIsLent(db);
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
    await promoteTestReplica(replica);
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
    const reading = await slowReadOnReplica(db);
    const { failed } = db.replicaStatus().reads.leftToPrimary;
    await onPrimary.query('UPDATE shown SET n = 8');
    // The old row stays for as long as any session of the primary may want it, such as one that is asked for its position.
    await expect
      .poll(async () => {
        await onPrimary.query('VACUUM (FREEZE) shown');
        return reading.hasEnded;
      })
      .toBe(true);
    expect((await reading.answer).rows).toMatchObject([{ n: 8 }]);
    expect(db.replicaStatus().reads.leftToPrimary.failed).toBe(failed + 1);
    await untilCheckSays(db, { state: 'serving' });
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
    const { answer } = await slowReadOnReplica(db, controller.signal);
    controller.abort();
    await expect(answer).rejects.toMatchObject({ kind: 'cancelled' });
    await untilCheckSays(db, { state: 'serving' });
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
    const seen: { n: number; there: boolean }[] = [];
    await expect
      .poll(async () => {
        seen.push(
          ...(await db.transaction(async (tx) => (await tx.query<(typeof seen)[number]>(where)).rows, options)),
        );
        return seen.at(-1)?.there;
      })
      .toBe(true);
    expect(new Set(seen.map(({ n }) => n))).toEqual(new Set([10]));
    let killed = false;
    const again = await db.transaction(async (tx) => {
      await tx.query(where);
      if (!killed) await replica.kill9();
      killed = true;
      return (await tx.query(where)).rows;
    }, options);
    expect(again).toEqual([{ n: 10, there: false }]);
    await untilCheckSays(db, { state: 'set_aside' });
    await untilNothingIsLent(db);
  });
});
