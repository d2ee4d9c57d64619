import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '@dunlin/postgres';
import { describeRedis } from '@dunlin/testkit';
import { Verdict } from '@dunlin/wallet/demo/verdict';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { checkPromises } from '../../src/chaos/after-checks.js';
import { carry, moveOf } from '../../src/chaos/at-instances.js';
import { plannedFaults, type Fault, type FaultKind } from '../../src/chaos/fault.js';
import { playRound, type Play, type Round } from '../../src/chaos/round.js';
import { gatherPlay } from '../../src/chaos/run-chaos.js';
import { openWorld, type World } from '../../src/chaos/world.js';
import type { Person } from '../../src/play/person.js';

/**
 * Real wallets on a real PostgreSQL and Redis whose promises are broken by hand, behind their backs. A run that would let that pass could
 * not fail. (That a run finds nothing wrong when nothing was tampered with is the first test here.)
 */
const mark = 'canary0123456789abcdef';
let world: World;
let play: Play;

function faultOf(kind: FaultKind): Fault {
  const [fault] = plannedFaults({ seed: 5, kinds: [kind], instances: 2, short: true });
  return { ...(fault as Fault), instance: 0, holdMs: 500, calmMs: 500 };
}

async function asSuperuser(...statements: string[]): Promise<number> {
  const admin = new Database({ connectionString: world.adminUrl.replace(/\/postgres$/, '/wallet'), poolSize: 1 });
  try {
    // Past every trigger and constraint trigger, as a disk that lies would be.
    return await admin.transaction(async (transaction) => {
      await transaction.query("set local session_replication_role = 'replica'");
      let changed = 0;
      for (const statement of statements) changed += (await transaction.query(statement)).rowCount;
      return changed;
    });
  } finally {
    await admin.close();
  }
}

async function round(): Promise<Round> {
  const verdict = new Verdict();
  const played = await playRound(play, faultOf('delay-redis'), verdict);
  expect(verdict.kept).toEqual([]);
  return played;
}

/** The promises that the checks after a round find broken. */
async function broken(played: Round): Promise<number[]> {
  const verdict = new Verdict();
  await checkPromises(play, played, verdict);
  return [...verdict.byPromise]
    .filter(([, counts]) => counts.broken > 0)
    .map(([promise]) => promise)
    .sort();
}

describeRedis('a chaos run finds out', () => {
  vi.setConfig({ testTimeout: 120_000 });
  beforeAll(async () => {
    world = await openWorld({ instances: 2, mark, patienceMs: 20_000, logFolder: undefined });
    play = await gatherPlay({ users: 4, rate: 40, seed: 5 }, world, mark);
  }, 180_000);
  afterAll(() => world?.close());

  it('nothing, when nothing was tampered with', async () => {
    expect(await broken(await round())).toEqual([]);
  });

  it('that a balance changed by itself', async () => {
    const played = await round();
    const { id } = play.people[0] as Person;
    expect(await asSuperuser(`update accounts set balance = balance + 1 where id = '${id}'`)).toBe(1);
    expect(await broken(played)).toContain(1);
    await asSuperuser(`update accounts set balance = balance - 1 where id = '${id}'`);
    // A change that nobody published: a wallet that read it in between may go on showing it until its ttl ends.
    expect(await broken(played)).not.toContain(1);
  });

  it('that the parts of a token are worth more than it was', async () => {
    const by = play.people[0] as Person;
    const verdict = new Verdict();
    const body = { amount: '10', denominations: ['10'] };
    const bought = await carry(play, moveOf(play, { kind: 'buy', path: '/tokens/purchase', by, body }), verdict);
    const [{ id, token }] = (JSON.parse(bought?.text ?? '') as { tokens: [{ id: string; token: string }] }).tokens;
    const parts = { token, amounts: ['4', '6'] };
    await carry(play, moveOf(play, { kind: 'divide', path: '/tokens/divide', by, body: parts }), verdict);
    expect(verdict.kept).toEqual([]);
    const played = await round();
    expect(await asSuperuser(`update tokens set amount = amount + 1 where parent_id = '${id}'`)).toBe(2);
    expect(await broken(played)).toEqual(expect.arrayContaining([1, 3]));
    await asSuperuser(`update tokens set amount = amount - 1 where parent_id = '${id}'`);
  });

  it('that an older balance was shown after an acknowledged write', async () => {
    const before = structuredClone(play.books.of((play.people[0] as Person).id));
    const verdict = new Verdict();
    // The books know of a write that no wallet has heard of: every read from now on is older than it.
    for (const { id } of play.people) play.books.enter(id, { available: 0n });
    for (const { id } of play.people) play.books.of(id).version += 1_000;
    await playRound(play, faultOf('delay-redis'), verdict);
    expect(verdict.byPromise.get(6)?.broken).toBeGreaterThan(0);
    for (const { id } of play.people) play.books.of(id).version = 1;
    expect(before.version).toBeGreaterThan(1);
  });

  it('that an instance is away which the fault did not meet', async () => {
    const verdict = new Verdict();
    const [, other] = world.instances as [unknown, World['instances'][number]];
    const unnoticed = (async () => {
      await delay(300);
      await other.kill();
      await delay(700);
      await other.start();
    })();
    const played = await playRound(play, faultOf('delay-redis'), verdict);
    await unnoticed;
    expect(verdict.byPromise.get(7)?.broken).toBeGreaterThan(0);
    expect(await broken(played)).toEqual([]);
  });

  it('that a secret came out', async () => {
    const played = await round();
    world.logs.hear('a log', `somebody wrote down ${(play.people[0] as Person).accessToken}`);
    expect(await broken(played)).toEqual([8]);
  });

  // Last, since what it loses stays lost.
  it('that an acknowledged write was lost', async () => {
    const played = await round();
    const lost = played.told.find(({ move, told }) => move.kind === 'transfer' && told.status === 201);
    expect(await asSuperuser(`delete from idempotency_keys where key = '${lost?.move.key ?? ''}'`)).toBe(1);
    expect(await broken(played)).toEqual(expect.arrayContaining([4, 5]));
  });
});
