import { randomBytes } from 'node:crypto';
import type { KeyClasses } from '../key-class.js';
import { globMatcher } from '../glob.js';
import type { Logger } from '../logger.js';
import { decodeEnvelope, encodeEnvelope, encodeRest } from './envelope.js';
import type { FillWaiters } from './fill-waiters.js';
import type { RedisKeys } from './keys.js';
import { reasonOf, type Link } from './link.js';
import { Owed, type Debt } from './owed.js';
import type { ReadLane } from './read-lane.js';
import { scanNames } from './scan.js';
import { Scripts } from './scripts.js';
import { SharedReads } from './shared-reads.js';
import type { FillClaim, SharedFill, SharedHit, SharedRead, SharedTier } from './shared-tier.js';

export interface RedisTierOptions {
  readonly link: Link;
  readonly keys: RedisKeys;
  readonly classes: KeyClasses;
  readonly waiters: FillWaiters;
  readonly logger: Logger;
  readonly commandTimeoutMs: number;
  readonly loadLeaseMs: number;
  /** Where reads travel; absent on a cluster. */
  readonly lane: ReadLane | undefined;
}

const away = { kind: 'away' } as const;
/** A fence outlives any sane load; a fill after it is refused, which only costs the fill. */
const fenceTtlMs = 120_000;
/** Members that one script removes: some 0.4 ms, for which every other client waits. */
const sweepStep = 250;

/**
 * The tier in Redis. A value is valid while the generations of its groups and tags are those that were there when its load
 * began, so removing a group or a tag is removing one generation. A fill needs its fence, which an invalidation, an eviction or a wiped
 * Redis takes away. What Redis could not be told is owed, and until it is paid the tier does not answer for it.
 */
export class RedisTier implements SharedTier {
  private readonly scripts = new Scripts();
  private readonly owed = new Owed();
  private readonly reads: SharedReads;
  /** One connection carries commands and messages; the nodes of a cluster have one each. */
  readonly keepsOrder: boolean;
  private paying = false;

  constructor(private readonly options: RedisTierOptions) {
    this.keepsOrder = options.lane !== undefined;
    this.reads = new SharedReads({ ...options, owed: this.owed });
  }

  isHealthy(): boolean {
    return this.options.link.isReady;
  }

  /** Invalidations that Redis did not confirm. */
  get owedCount(): number {
    return this.owed.size;
  }

  read(key: string, tags: readonly string[] | undefined): Promise<SharedRead> {
    return this.reads.read(key, tags);
  }

  async claim(key: string, tags: readonly string[], force: boolean): Promise<SharedHit | FillClaim | typeof away> {
    const groups = this.options.classes.groupsOf(key);
    if (this.owed.covers(key, groups, tags)) return away;
    const names = this.options.keys.of(key);
    const leaseToken = nonce();
    try {
      return await this.options.link.run(async (client) => {
        const keepMs = this.keepMs(key);
        const tagStamps = await this.stampTags(tags, keepMs);
        const keys = [names.entry, names.fence, names.lease, ...names.generations];
        const args = [nonce(), fenceTtlMs, leaseToken, this.options.loadLeaseMs, keepMs, tagStamps];
        const reply = await this.scripts.run(client, 'claim', keys, args);
        const [entry, fence, leader, leaseMs, stamps] = reply as [Buffer | null, Buffer, number, number, Buffer];
        const claim: FillClaim = {
          kind: 'claimed',
          key,
          fence: fence.toString(),
          stamps: stamps.toString(),
          tags,
          tagStamps,
          leader: leader === 1,
          leaseToken: `${leaseToken}|${stamps.toString()}|${tagStamps}`,
          leaseMs,
        };
        if (force || !entry) return claim;
        const hit = await this.reads.accept(key, entry, claim.stamps, tags, tagStamps);
        if (hit.kind !== 'hit' || hit.freshForMs <= 0) return claim;
        if (claim.leader) void this.release(claim);
        return hit;
      });
    } catch (error) {
      this.note(key, error);
      return away;
    }
  }

  async fill(claim: FillClaim, fill: SharedFill): Promise<'stored' | 'fenced' | 'away'> {
    const groups = this.options.classes.groupsOf(claim.key);
    if (this.owed.covers(claim.key, groups, claim.tags)) return 'fenced';
    const names = this.options.keys.of(claim.key);
    try {
      return await this.options.link.run(async (client) => {
        const { rest, px, deadline } = this.encode(fill, claim.tags, claim.tagStamps);
        const keys = [names.entry, names.fence, names.lease, names.index, ...names.generations];
        const { filled } = this.options.keys;
        const version = fill.version ?? '';
        const args = [claim.fence, claim.leaseToken, claim.stamps, rest, px, version, deadline, filled, claim.key];
        const done = await this.scripts.run(client, 'fill', keys, args);
        if (done === 1) this.countersOf(claim.key).sets += 1;
        if (done === 1) this.reads.noteTags(claim.key, claim.tags);
        return done === 1 ? 'stored' : 'fenced';
      });
    } catch (error) {
      this.note(claim.key, error);
      void this.release(claim);
      return 'away';
    }
  }

  async release(claim: FillClaim): Promise<void> {
    if (!claim.leader) return;
    const { lease } = this.options.keys.of(claim.key);
    const args = [claim.leaseToken, this.options.keys.filled, claim.key];
    // A lease that cannot be given back ends by itself.
    await this.options.link.run((client) => this.scripts.run(client, 'release', [lease], args)).catch(() => undefined);
  }

  untilFilled(key: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    return this.options.waiters.wait(key, waitMs, signal);
  }

  async set(key: string, tags: readonly string[], fill: SharedFill): Promise<boolean> {
    const names = this.options.keys.of(key);
    // Until Redis has said yes, it may hold either value, so it answers with neither.
    const standing = this.owed.add({ kind: 'key', name: key });
    try {
      const done = await this.options.link.run(async (client) => {
        const tagStamps = await this.stampTags(tags, fill.ttlMs + fill.staleMs);
        const { rest, px, deadline } = this.encode(fill, tags, tagStamps);
        const keys = [names.entry, names.fence, names.lease, names.index, ...names.generations];
        const args = [nonce(), px, rest, px, deadline, this.options.keys.filled, key];
        return this.scripts.run(client, 'set', keys, args);
      });
      if (done !== 1) throw new Error('the set came too late');
      standing.settle();
      this.reads.noteTags(key, tags);
      this.countersOf(key).sets += 1;
      return true;
    } catch (error) {
      standing.fall();
      this.note(key, error);
      return false;
    }
  }

  async remove(keys: readonly string[]): Promise<number | undefined> {
    const counts = await Promise.all(keys.map((key) => this.payNow({ kind: 'key', name: key })));
    if (counts.includes(undefined)) return undefined;
    return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  }

  async removeGroup(group: string): Promise<number | undefined> {
    return this.payNow({ kind: 'group', name: group });
  }

  async removeTag(tag: string): Promise<boolean> {
    return (await this.payNow({ kind: 'tag', name: tag })) !== undefined;
  }

  async removeGlob(glob: string): Promise<number | undefined> {
    return this.payNow({ kind: 'glob', name: glob, matches: globMatcher(glob) });
  }

  async retime(key: string, ttlMs: number, staleMs: number): Promise<boolean> {
    const names = this.options.keys.of(key);
    try {
      return await this.options.link.run(async (client) => {
        const raw = await client.getBuffer(names.entry);
        const held = raw && decodeEnvelope(raw);
        const serverNowMs = this.options.link.serverNowMs() ?? 0;
        if (!raw || !held || held.freshUntilMs <= serverNowMs) return false;
        const next = encodeEnvelope({ ...held, freshUntilMs: serverNowMs + ttlMs });
        return (await this.scripts.run(client, 'retime', [names.entry], [raw, next, Math.ceil(ttlMs + staleMs)])) === 1;
      });
    } catch (error) {
      this.note(key, error);
      return false;
    }
  }

  async keysOfGroup(group: string): Promise<readonly string[] | undefined> {
    const { index } = this.options.keys.ofGroup(group);
    try {
      const members = await this.options.link.run((client) => client.smembers(index));
      const candidates = members.filter((key) => key.startsWith(group));
      const reads = await Promise.all(candidates.map((key) => this.read(key, undefined)));
      return candidates.filter((_, at) => reads[at]?.kind === 'hit');
    } catch {
      return undefined;
    }
  }

  /** Pays what is owed; called when Redis is back and on a timer while anything is owed. */
  async payAll(): Promise<void> {
    if (this.paying) return;
    this.paying = true;
    try {
      for (const debt of this.owed.due()) {
        // A newer call may have taken it over meanwhile; what it stored must not be removed for the older one's sake.
        if (this.owed.isDue(debt) && (await this.payNow(debt)) === undefined) return;
      }
    } finally {
      this.paying = false;
    }
  }

  private async payNow(debt: Debt): Promise<number | undefined> {
    const standing = this.owed.add(debt);
    const count = await this.pay(debt);
    if (count === undefined) standing.fall();
    else standing.settle();
    return count;
  }

  /** Carries one invalidation out; undefined when Redis could not be told. */
  private async pay(debt: Debt): Promise<number | undefined> {
    try {
      return await this.options.link.run(() => this.carryOut(debt));
    } catch (error) {
      this.note(debt.kind === 'everything' ? '' : debt.name, error);
      return undefined;
    }
  }

  private carryOut(debt: Debt): Promise<number> {
    switch (debt.kind) {
      case 'key':
        return this.removeKey(debt.name);
      case 'group':
        return this.sweepGroup(debt.name);
      case 'tag':
        return this.options.link.client.del(this.options.keys.ofTag(debt.name));
      case 'glob':
        return this.sweepGlob(debt.name);
      case 'everything':
        return this.sweepGlob('*');
    }
  }

  private async removeKey(key: string): Promise<number> {
    const { entry, fence, lease, index } = this.options.keys.of(key);
    const args = [this.options.keys.filled, key];
    const removed = await this.scripts.run(this.options.link.client, 'remove', [entry, fence, lease, index], args);
    this.countersOf(key).deletes += Number(removed);
    return Number(removed);
  }

  private async sweepGroup(group: string): Promise<number> {
    const { client } = this.options.link;
    const { generation, index, entryPrefix } = this.options.keys.ofGroup(group);
    const sweepFrom = (cursor: string): Promise<unknown> =>
      this.scripts.run(client, 'sweep-group', [index], [cursor, sweepStep, entryPrefix, group]);
    // Once this is carried out none of the group's values is valid, and no load under way can be stored. The first step travels behind it.
    const [, firstReply] = await Promise.all([client.del(generation), sweepFrom('0')]);
    let [next, removed] = firstReply as [Buffer, number];
    while (next.toString() !== '0') {
      const [after, count] = (await sweepFrom(next.toString())) as [Buffer, number];
      next = after;
      removed += count;
    }
    this.countersOf(group).deletes += removed;
    return removed;
  }

  private async sweepGlob(glob: string): Promise<number> {
    let removed = 0;
    for await (const names of scanNames(this.options.link.client, this.options.keys.scanGlob(glob))) {
      for (const name of names) removed += await this.removeKey(this.options.keys.keyOf(name));
    }
    return removed;
  }

  private async stampTags(tags: readonly string[], keepMs: number): Promise<string> {
    if (tags.length === 0) return '';
    const { client } = this.options.link;
    const keep = Math.ceil(Math.max(keepMs, fenceTtlMs));
    const stamps = await Promise.all(
      tags.map((tag) => this.scripts.run(client, 'generation', [this.options.keys.ofTag(tag)], [nonce(), keep])),
    );
    return stamps.map((stamp) => textOf(stamp as Buffer)).join(',');
  }

  private encode(
    fill: SharedFill,
    tags: readonly string[],
    tagGenerations: string,
  ): { rest: Buffer; px: number; deadline: number } {
    const serverNowMs = this.options.link.serverNowMs() ?? 0;
    const { stored, version, ttlMs, staleMs } = fill;
    const freshUntilMs = serverNowMs + ttlMs;
    const rest = encodeRest({ tagGenerations, freshUntilMs, storedAtMs: serverNowMs, version, tags, stored });
    // A command that a cut network delivers long after its caller gave up must not be believed.
    const deadline = Math.round(serverNowMs + this.options.commandTimeoutMs * 2);
    return { rest, px: Math.ceil(ttlMs + staleMs), deadline };
  }

  /** How long the generations of a key's groups have to live to outlive its value. */
  private keepMs(key: string): number {
    const policy = this.options.classes.of(key);
    const staleMs = Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
    return Math.ceil(Math.max(fenceTtlMs, (policy.ttlMs + staleMs) * 2));
  }

  private countersOf(key: string) {
    return this.options.classes.of(key).counters.redis;
  }

  private note(key: string, error: unknown): void {
    this.countersOf(key).errors += 1;
    this.options.logger.debug({ reason: reasonOf(error) }, 'a redis command failed');
  }
}

function textOf(value: Buffer | null): string {
  return value ? value.toString() : '';
}

function nonce(): string {
  return randomBytes(9).toString('base64url');
}
