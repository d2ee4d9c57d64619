import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import { Acknowledgements, type Acknowledgement } from './acknowledgements.js';
import type { CommitLog, LoggedCommit, PeerLease, PublishedCommit, StaleNames } from './commit-log.js';
import { Courier } from './courier.js';
import { Lease, type LeaseTimes } from './lease.js';
import { decodeNews, encodeApplied, encodeCommitted } from './news.js';
import { PeerWatch } from './peer-watch.js';

/** What coherence asks of the cache; both are synchronous, and done when they return. */
export interface CoherenceTarget {
  apply(stale: StaleNames): void;
  startOver(reason: 'joined' | 'stopped'): void;
}

export interface CoherenceOptions {
  readonly instance: string;
  readonly log: CommitLog;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly target: CoherenceTarget;
}

/** Renewals between two cleanings of the log. */
const renewalsBetweenTrims = 40;

/** Commits that are remembered as applied between two renewals. */
const appliedAheadLimit = 50_000;

/** Invalidations that are remembered one by one while the log cannot be reached. */
const owedLimit = 10_000;

const nobody: Acknowledgement = { waitedMs: 0, confirmed: 0, expired: [] };

/**
 * Keeps one instance's memory true to the commit log, and tells its writers when a commit may be acknowledged. The pieces: `Lease`
 * (may memory answer?), `Acknowledgements` (has everyone heard?), news (the quick way), the log (the certain way).
 */
export class Coherence {
  private readonly lease: Lease;
  private readonly acknowledgements: Acknowledgements;
  private readonly watch = new PeerWatch();
  private readonly committed: Courier<LoggedCommit>;
  private readonly applied: Courier<number>;
  /** Commits beyond the lease's position that were applied already, so that the renewal does not apply them twice. */
  private readonly appliedAhead = new Set<number>();
  /** What could not be published when it happened; sent with the next renewal that succeeds. */
  private owed: StaleNames[] = [];
  private renewals = 0;
  private lost = true;
  private stopped = true;
  private startingToListen = false;
  private stopListening: (() => Promise<void>) | undefined;

  constructor(private readonly options: CoherenceOptions) {
    const { instance, log, clock } = options;
    const failed = (error: unknown): void => this.warn(error, 'a cache message could not be sent');
    const send = (message: string): Promise<void> => log.send(message);
    this.acknowledgements = new Acknowledgements(clock, (peer) => this.expel(peer));
    this.committed = new Courier((commits) => encodeCommitted(instance, commits), send, failed);
    this.applied = new Courier((ids) => encodeApplied(instance, ids), send, failed);
    this.lease = new Lease(instance, log, options.times, clock, {
      missed: (commits) => this.applyMissed(commits),
      startOver: () => {
        this.appliedAhead.clear();
        options.target.startOver('joined');
      },
      renewed: (peers, sentMs, closed) => this.onRenewed(peers, sentMs, closed),
      failed: (error) => {
        if (!this.lost) this.warn(error, 'the cache lease could not be renewed; memory steps aside until it is');
        this.lost = true;
      },
    });
  }

  /** Whether memory may answer at `nowMs` of the monotonic clock. Cost: two comparisons and the wall clock. */
  servesAt(nowMs: number): boolean {
    return this.lease.holdsAt(nowMs);
  }

  async start(): Promise<void> {
    this.stopped = false;
    await this.listen();
    await this.lease.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.lease.stop();
    this.options.target.startOver('stopped');
    await this.applied.idle();
    await this.committed.idle();
    await this.stopListening?.();
    this.stopListening = undefined;
  }

  /** Renews at once; for tests and for a start that wants to know. */
  async renewNow(): Promise<void> {
    await this.lease.renewNow();
  }

  /** This instance's own commit: memory has been told; tells the others and resolves when all have heard or lapsed. */
  acknowledge(published: PublishedCommit | null, stale: StaleNames): Promise<Acknowledgement> {
    if (!published) return Promise.resolve(nobody);
    this.rememberApplied(published.commitId);
    const done = this.acknowledgements.wait(published);
    this.committed.post({ id: published.commitId, writer: this.options.instance, ...stale });
    return done;
  }

  /** Publishes by itself what no transaction did, and waits like `acknowledge`. Rejects when the log cannot be reached. */
  async publish(stale: StaleNames): Promise<Acknowledgement> {
    const published = await this.options.log.publish(this.options.instance, stale);
    return this.acknowledge(published, stale);
  }

  /** Starts to listen if it does not yet; called again with each renewal, because the database may have been away at first. */
  private async listen(): Promise<void> {
    if (this.stopListening || this.startingToListen) return;
    this.startingToListen = true;
    try {
      const stop = await this.options.log.listen((message) => this.onMessage(message));
      if (this.stopped) await stop();
      else this.stopListening = stop;
    } catch (error) {
      // Without messages everything still holds: confirmations then travel with the renewals, and writes wait longer.
      this.warn(error, 'the cache could not listen for messages of other instances');
    } finally {
      this.startingToListen = false;
    }
  }

  /** Remembers what `publish` could not do. Past the limit it becomes "everything". */
  publishLater(stale: StaleNames): void {
    this.owed.push(stale);
    if (this.owed.length > owedLimit) this.owed = [{ keys: ['*'], versions: null, tags: [] }];
  }

  private async payOwed(): Promise<void> {
    const owed = this.owed;
    this.owed = [];
    for (const [index, stale] of owed.entries()) {
      try {
        await this.publish(stale);
      } catch (error) {
        this.warn(error, 'invalidations are still owed to the other instances');
        this.owed.unshift(...owed.slice(index));
        return;
      }
    }
  }

  private onRenewed(peers: readonly PeerLease[], sentMs: number, closed: number): void {
    if (this.lost) this.options.logger.info({ instance: this.options.instance }, 'the cache holds its lease');
    this.lost = false;
    this.renewals += 1;
    for (const id of this.appliedAhead) if (id <= closed) this.appliedAhead.delete(id);
    this.acknowledgements.observe(peers, sentMs);
    if (this.owed.length > 0) void this.payOwed();
    if (!this.stopListening) void this.listen();
    for (const peer of this.watch.observe(peers, this.options.clock.monotonicMs())) this.expel(peer);
    if (this.renewals % renewalsBetweenTrims === 0) {
      this.options.log.trim().catch((error: unknown) => this.warn(error, 'the commit log could not be trimmed'));
    }
  }

  private applyMissed(commits: readonly LoggedCommit[]): void {
    const confirmed: number[] = [];
    for (const commit of commits) {
      if (!this.appliedAhead.has(commit.id)) this.options.target.apply(commit);
      // Confirmed once more even if news came before: the confirmation may be what was lost.
      if (commit.writer !== this.options.instance) confirmed.push(commit.id);
    }
    for (const id of confirmed) this.applied.post(id);
  }

  private onMessage(message: string): void {
    const news = decodeNews(message);
    if (!news || news.from === this.options.instance) return;
    if (news.kind === 'applied') return this.acknowledgements.confirm(news.from, news.ids);
    const unread: number[] = [];
    for (const commit of news.commits) {
      if (typeof commit === 'number') unread.push(commit);
      else this.applyNews(commit);
    }
    if (unread.length > 0) void this.fetchAndApply(unread);
  }

  private async fetchAndApply(ids: readonly number[]): Promise<void> {
    try {
      for (const commit of await this.options.log.fetch(ids)) this.applyNews(commit);
    } catch (error) {
      this.warn(error, 'commits of other instances could not be read; the next renewal reads them');
    }
  }

  private applyNews(commit: LoggedCommit): void {
    this.options.target.apply(commit);
    this.rememberApplied(commit.id);
    this.applied.post(commit.id);
  }

  private rememberApplied(id: number): void {
    // Forgetting them only means that a renewal applies them once more.
    if (this.appliedAhead.size >= appliedAheadLimit) this.appliedAhead.clear();
    this.appliedAhead.add(id);
  }

  private expel(peer: PeerLease): void {
    this.options.log.expel(peer).catch((error: unknown) => this.warn(error, 'a lapsed instance could not be removed'));
  }

  private warn(error: unknown, message: string): void {
    this.options.logger.warn({ instance: this.options.instance, reason: reasonOf(error) }, message);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
