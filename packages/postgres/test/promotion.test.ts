import {
  ManualClock,
  promoteTestReplica,
  startFaultProxy,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
} from '@dunlin/testkit';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../src/clock.js';
import { Database, TimelineFence, type DatabaseOptions, type Logger } from '../src/index.js';

interface Line {
  readonly message: string;
  readonly [field: string]: unknown;
}

let primary: TestPostgres;
let standby: TestPostgres;
let lines: Line[];
const open: Database[] = [];

const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
const logger: Logger = { debug: note, info: note, warn: note, error: note };

beforeEach(async () => {
  lines = [];
  primary = await startTestPostgres();
  await run(primary, 'CREATE TABLE kept (n int)');
  standby = await startTestReplica(primary);
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await standby.stop();
  await primary.stop();
});

/** As the role that owns the tables. */
async function run(server: TestPostgres, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.ownerUrl });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Both addresses in one string, the given one first. */
function bothFrom(first: TestPostgres): string {
  const second = first === primary ? standby : primary;
  return first.ownerUrl.replace(`:${first.port}/`, `:${first.port},127.0.0.1:${second.port}/`);
}

function database(options: Partial<DatabaseOptions> = {}): Database {
  const created = new Database({ connectionString: bothFrom(primary), logger, connectTimeoutMs: 10_000, ...options });
  open.push(created);
  return created;
}

/** Time that stands still: whoever has heard of one primary waits for the other server's answer, however late the machine lets it come. */
const patient = (): ManualClock => new ManualClock();

/** The system's time, but the first who waits for less than a second is called back at once: his process stood still for so long. */
function stallsOnce(): Clock {
  let stalls = 1;
  const schedule: Clock['schedule'] = (callback, delayMs) => {
    const isStalled = delayMs < 1_000 && stalls-- > 0;
    return systemClock.schedule(callback, isStalled ? 0 : delayMs);
  };
  return { ...systemClock, schedule };
}

const portOf = async (db: Database): Promise<number> =>
  (await db.query<{ port: number }>('SELECT inet_server_port() AS port')).rows[0]?.port ?? 0;

/** `done`, or what the caller is told instead. */
const outcomeOf = (db: Database, text: string): Promise<string> =>
  db.query(text).then(
    () => 'done',
    (error: Error) => error.message,
  );

const refusals = (): Line[] => lines.filter(({ message }) => message.startsWith('a database server is refused'));

describe('several servers in one connection string', () => {
  it('are asked which of them is the primary, in whatever order they stand', async () => {
    expect(await portOf(database({ connectionString: bothFrom(standby) }))).toBe(primary.port);
    expect(await portOf(database({ connectionString: bothFrom(primary) }))).toBe(primary.port);
    expect(refusals()).toEqual([]);
  });

  it('are followed when the primary is killed and the standby promoted, by queries and by what listens', async () => {
    const db = database();
    const heard: string[] = [];
    let reconnected = 0;
    await db.listen('news', (payload) => heard.push(payload), { onReconnect: () => (reconnected += 1) });
    await db.query('INSERT INTO kept VALUES (1)');
    await primary.kill9();
    await expect(db.query('INSERT INTO kept VALUES (2)')).rejects.toMatchObject({
      kind: expect.stringMatching(/unavailable|outcome_unknown/) as string,
    });
    // A standby takes no writes, and says so in words that name both.
    const told: string[] = [];
    await expect
      .poll(async () => {
        // The first ones may be told that their session has ended.
        told.push(await outcomeOf(db, 'SELECT 1'));
        return told.at(-1);
      })
      .toMatch(/is a standby/);
    expect(told).not.toContain('done');
    await promoteTestReplica(standby);
    await expect.poll(() => portOf(db).catch(() => 0)).toBe(standby.port);
    await db.query('INSERT INTO kept VALUES (3)');
    await expect.poll(() => reconnected).toBeGreaterThan(0);
    await db.query("SELECT pg_notify('news', 'promoted')");
    await expect.poll(() => heard).toEqual(['promoted']);
  });

  it('leave a former primary alone that came back by mistake, also for one that never saw the new one before', async () => {
    const db = database();
    await portOf(db);
    await primary.kill9();
    await promoteTestReplica(standby);
    await expect.poll(() => portOf(db).catch(() => 0)).toBe(standby.port);
    await primary.restart();
    // It takes writes from whoever asks it: that is what must not be the wallet.
    await run(primary, 'INSERT INTO kept VALUES (99)');
    const newcomer = database({ clock: patient() });
    expect(await portOf(newcomer)).toBe(standby.port);
    await standby.kill9();
    // The first ones may be told that their session has ended; then the reason is told, and never is anything written.
    await expect.poll(() => outcomeOf(db, 'INSERT INTO kept VALUES (4)')).toMatch(/older timeline/);
    expect(await run(primary, 'SELECT n FROM kept WHERE n <> 99')).toEqual([]);
    expect(refusals()[0]).toMatchObject({ reason: 'older_timeline', timeline: 1, newestTimeline: 2 });
    await standby.restart();
    await expect.poll(() => portOf(db).catch(() => 0)).toBe(standby.port);
  });
});

describe('a fence', () => {
  it('leave it alone even when the one who looks stands still between the two answers', async () => {
    await primary.kill9();
    await promoteTestReplica(standby);
    await primary.restart();
    const far = await startFaultProxy({ targetPort: standby.port });
    try {
      far.delay(5);
      const connectionString = primary.ownerUrl.replace(`:${primary.port}/`, `:${primary.port},127.0.0.1:${far.port}/`);
      expect(await portOf(database({ connectionString, clock: stallsOnce() }))).toBe(standby.port);
    } finally {
      await far.close();
    }
  });

  it('ends the sessions with a former primary that goes on answering, once anybody has seen the new one', async () => {
    const fence = new TimelineFence();
    const [db, other] = [database({ fence }), database({ fence, clock: patient() })];
    expect(await portOf(db)).toBe(primary.port);
    const heard: string[] = [];
    await db.listen('news', (payload) => heard.push(payload));
    await promoteTestReplica(standby);
    expect(await portOf(other)).toBe(standby.port);
    expect(await portOf(db)).toBe(standby.port);
    expect(fence.timeline).toBe(2);
    await expect
      .poll(async () => {
        await run(standby, "SELECT pg_notify('news', 'here')");
        return heard.length;
      })
      .toBeGreaterThan(0);
    const sessions = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'dunlin'";
    // The server counts a session until it has noticed the end.
    await expect.poll(() => run(primary, sessions)).toEqual([]);
  });

  it('refuses the one server that is named when it is on an older timeline, or is not the same cluster', async () => {
    await promoteTestReplica(standby);
    const fence = new TimelineFence();
    // At once, before the checkpoint after which the control file tells of the new timeline too.
    expect(await portOf(database({ fence, connectionString: standby.ownerUrl }))).toBe(standby.port);
    expect(fence.timeline).toBe(2);
    const former = database({ fence, connectionString: primary.ownerUrl });
    await expect(former.query('INSERT INTO kept VALUES (1)')).rejects.toThrow(/older timeline/);
    await expect(former.listen('news', () => undefined)).rejects.toThrow(/older timeline/);
    const elsewhere = new TimelineFence({ cluster: '42', timeline: 7 });
    const stranger = database({ fence: elsewhere, connectionString: primary.ownerUrl });
    await expect(stranger.query('SELECT 1')).rejects.toThrow(/another cluster/);
    expect(refusals().map(({ reason }) => reason)).toEqual(['older_timeline', 'other_cluster']);
  });
});
