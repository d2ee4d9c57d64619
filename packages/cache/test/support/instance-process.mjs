// One instance of a service in a process of its own, driven over IPC. It runs the built package, as a user would.
import pg from 'pg';
import { CacheService, PostgresCommitLog } from '@dunlin/cache';

const {
  DATABASE_URL: url,
  REDIS_URL: redisUrl,
  NAMESPACE: namespace,
  COMMAND_TIMEOUT_MS: commandTimeoutMs = '100',
} = process.env;
const { LEASE_MS: leaseMs = '500' } = process.env;
const pool = new pg.Pool({ connectionString: url, max: 8 });
pool.on('error', () => undefined);
const listener = new pg.Client({ connectionString: url });
listener.on('error', () => undefined);
await listener.connect();
const database = {
  async query(text, values = []) {
    const answer = await pool.query(text, [...values]);
    return { rows: answer.rows, rowCount: answer.rowCount ?? 0 };
  },
};
const notifications = {
  async listen(channel, onNotification) {
    listener.on('notification', (message) => message.channel === channel && onNotification(message.payload ?? ''));
    await listener.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return () => listener.end();
  },
};
const cache = new CacheService({
  classes: [{ name: 'wallet-balance', pattern: 'user:{id}:balance', ttlSeconds: 60, strict: true }],
  commitLog: new PostgresCommitLog({ database, notifications }),
  lease: { leaseMs: Number(leaseMs) },
  ...(redisUrl ? { redis: { url: redisUrl }, namespace, commandTimeoutMs: Number(commandTimeoutMs) } : {}),
});
await cache.connect();

// How long this process has run, a pause of the machine not counted; `RunningTime` of the test kit says more.
let ranMs = 0;
let countedAtMs = performance.now();
function runningMs() {
  const nowMs = performance.now();
  ranMs += Math.min(nowMs - countedAtMs, 25);
  countedAtMs = nowMs;
  return ranMs;
}
setInterval(runningMs, 5).unref();

const work = {
  async read({ id }) {
    const found = await cache.lookup(`user:${id}:balance`, async (context) => {
      const answer = await pool.query('SELECT balance, version FROM accounts WHERE id = $1', [id]);
      const version = Number(answer.rows[0].version);
      context.setVersion(version);
      return { version, balance: Number(answer.rows[0].balance) };
    });
    return { ...found.value, outcome: found.outcome };
  },
  async pay({ id, amount, through }) {
    const answer = await pool.query('SELECT pay($1, $2, $3) AS paid', [cache.instanceId, id, amount]);
    const { balance, version, published } = answer.rows[0].paid;
    const change = { key: `user:${id}:balance`, version, ...(through ? { value: { version, balance } } : {}) };
    const startedMs = runningMs();
    const acknowledgement = await cache.afterCommit({ published, changes: [change] });
    return { version, balance, ranMs: runningMs() - startedMs, ...acknowledgement };
  },
  async coherent() {
    return cache.untilCoherent(15_000);
  },
  async healthy() {
    return cache.isHealthy();
  },
  async loadOnce({ key, ms }) {
    let loads = 0;
    const value = await cache.getOrSet(key, async () => {
      loads += 1;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return 'loaded';
    });
    return { value, loads };
  },
  async stop() {
    await cache.disconnect();
    await pool.end();
    process.disconnect();
  },
};

process.on('message', ({ number, name, given }) => {
  work[name](given).then(
    (value) => process.connected && process.send({ number, value }),
    (error) => process.connected && process.send({ number, error: String(error) }),
  );
});
process.send({ ready: true, instanceId: cache.instanceId });
