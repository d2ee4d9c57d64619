import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '@dunlin/postgres';
import type { FaultProxy } from '@dunlin/testkit';
import type { Cut, Fault } from './fault.js';
import type { Instance } from './instance.js';
import type { World } from './world.js';

const adminPatienceMs = 2_000;

/** Does the harm, keeps it for the fault's time, and undoes it. Resolves when nothing is in the way any more; being well again takes longer. */
export async function strike(world: World, fault: Fault): Promise<void> {
  const heal = await harm(world, fault);
  await delay(fault.holdMs);
  await heal();
}

type Heal = () => unknown;

async function harm(world: World, fault: Fault): Promise<Heal> {
  const { postgres, redis } = world;
  const instance = world.instances[fault.instance] as Instance;
  const met = fault.everywhere ? world.instances : [instance];
  switch (fault.kind) {
    case 'kill-api':
      await instance.kill();
      return () => instance.start();
    case 'kill-postgres':
      await postgres.kill9();
      return () => postgres.restart();
    case 'kill-redis':
      await redis.kill9();
      return () => redis.restart();
    case 'freeze-api':
      instance.freeze();
      return () => instance.wake();
    case 'freeze-postgres':
      postgres.pause();
      return () => postgres.resume();
    case 'freeze-redis':
      redis.pause();
      return () => redis.resume();
    case 'cut-redis':
      return onProxies(
        met.map((one) => one.redis),
        (proxy) => cut(proxy, fault.cut),
      );
    case 'cut-postgres':
      return onProxies(
        met.map((one) => one.postgres),
        (proxy) => cut(proxy, fault.cut),
      );
    case 'delay-redis':
      return onProxies(
        met.map((one) => one.redis),
        (proxy) => proxy.delay(fault.delayMs),
      );
    case 'delay-postgres':
      return onProxies(
        met.map((one) => one.postgres),
        (proxy) => proxy.delay(fault.delayMs),
      );
    case 'corrupt-redis':
      return onProxies(
        met.map((one) => one.redis),
        (proxy) => proxy.corrupt(),
      );
    case 'corrupt-postgres':
      return onProxies(
        met.map((one) => one.postgres),
        (proxy) => proxy.corrupt(),
      );
    case 'fill-disk':
      return fillDisk(world, fault.atTheLog);
    case 'jump-clock':
      instance.jumpClock(fault.jumpMs);
      return () => instance.jumpClock(0);
  }
}

function onProxies(proxies: readonly FaultProxy[], spoil: (proxy: FaultProxy) => void): Heal {
  for (const proxy of proxies) spoil(proxy);
  return () => proxies.forEach((proxy) => proxy.heal());
}

function cut(proxy: FaultProxy, how: Cut): void {
  if (how === 'drop') proxy.drop();
  else if (how === 'blackhole') proxy.blackhole();
  else proxy.reset();
}

/**
 * No byte is left. Tables cannot grow from then on; the write-ahead log still has the rest of its segment, which one can make it give up.
 * PostgreSQL ends itself when it cannot write its log, so it may have to be started when there is room again.
 */
async function fillDisk(world: World, atTheLog: boolean): Promise<Heal> {
  const { disk, postgres } = world;
  if (disk === undefined) throw new Error('a plan without a disk of its own has no full disk');
  disk.fill();
  if (atTheLog) await switchLog(world.adminUrl);
  return async () => {
    disk.clear();
    if (world.isPostgresAlive()) return;
    await postgres.kill9();
    await postgres.restart();
  };
}

/** The answer does not matter: on a full disk there may be none. */
async function switchLog(adminUrl: string): Promise<void> {
  const admin = new Database({ connectionString: adminUrl, poolSize: 1, statementTimeoutMs: adminPatienceMs });
  try {
    await admin.query('select pg_switch_wal()').catch(() => undefined);
  } finally {
    await admin.close();
  }
}
