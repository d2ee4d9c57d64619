import type { Clock } from '../clock.js';
import { CacheError } from '../errors.js';
import type { Logger } from '../logger.js';
import { Breaker } from './breaker.js';
import type { RedisClient } from './client.js';

export interface LinkOptions {
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onState: (state: 'ready' | 'away') => void;
}

/** Timeouts in a row after which the connection is given up: a peer that vanished without a word never closes it. */
const timeoutsBeforeReconnect = 3;

/**
 * One connection to Redis behind a breaker. Knows the server's time to within a round trip, which the tier needs to store values; until
 * it does, and while the breaker is open, every call is refused at once.
 */
export class Link {
  private readonly breaker: Breaker;
  private offsetMs: number | undefined;
  private timeouts = 0;
  private ready = false;
  private closed = false;

  constructor(
    readonly client: RedisClient,
    private readonly options: LinkOptions,
  ) {
    this.breaker = new Breaker(options.clock);
    client.on('ready', () => void this.onReady());
    client.on('close', () => this.onAway());
    client.on('end', () => this.onAway());
    client.on('error', (error: Error) =>
      this.options.logger.debug({ reason: error.message }, 'redis connection error'),
    );
  }

  /** Whether Redis answered last and may be asked now. */
  get isReady(): boolean {
    return this.ready && this.breaker.isClosed;
  }

  /** Connects; resolves after the first attempt, whatever became of it. The client goes on trying by itself. */
  async open(): Promise<void> {
    try {
      await this.client.connect();
      await this.onReady();
    } catch (error) {
      this.options.logger.warn(
        { reason: reasonOf(error) },
        'redis cannot be reached; the cache works without it until it can',
      );
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.ready = false;
    this.client.disconnect(false);
    await Promise.resolve();
  }

  /** The Redis server's clock now, in ms; undefined before it was asked. */
  serverNowMs(): number | undefined {
    return this.offsetMs === undefined ? undefined : this.options.clock.monotonicMs() + this.offsetMs;
  }

  /** Whether a command may go now. Every true is followed by `succeeded` or `failed`, once. */
  admits(): boolean {
    return this.ready && this.breaker.admits();
  }

  succeeded(): void {
    this.breaker.succeeded();
    this.timeouts = 0;
  }

  failed(error: unknown): void {
    // A refusal is an answer: it is full, or a replica. Other commands may well succeed.
    if (isRefusal(error)) return this.breaker.succeeded();
    this.breaker.failed();
    this.countTimeout(error);
  }

  /** Runs one call, or rejects at once when Redis is not to be asked. */
  async run<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (!this.admits()) throw new CacheError('redis_unavailable', 'redis is away');
    try {
      const value = await work(this.client);
      this.succeeded();
      return value;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  private countTimeout(error: unknown): void {
    if (!(error instanceof Error) || !error.message.includes('timed out')) return;
    this.timeouts += 1;
    if (this.timeouts < timeoutsBeforeReconnect) return;
    this.timeouts = 0;
    // A half-open connection or an answer that went out of step: a new connection knows nothing of either.
    if ('nodes' in this.client) for (const node of this.client.nodes()) node.disconnect(true);
    else this.client.disconnect(true);
  }

  private async onReady(): Promise<void> {
    if (this.closed || this.ready) return;
    try {
      await this.measureClock();
    } catch (error) {
      this.options.logger.debug({ reason: reasonOf(error) }, 'redis did not tell its time');
      this.retryReady();
      return;
    }
    if (this.closed || this.ready) return;
    this.ready = true;
    this.breaker.reset();
    this.options.onState('ready');
  }

  private retryReady(): void {
    this.options.clock.schedule(() => {
      if (this.client.status === 'ready') void this.onReady();
    }, this.options.commandTimeoutMs);
  }

  /** Takes the offset of the quickest of a few round trips; half of it bounds the error. */
  private async measureClock(): Promise<void> {
    let quickestMs = Infinity;
    for (let round = 0; round < 3; round += 1) {
      const sentMs = this.options.clock.monotonicMs();
      const [seconds, microseconds] = await this.client.time();
      const tookMs = this.options.clock.monotonicMs() - sentMs;
      if (tookMs >= quickestMs) continue;
      quickestMs = tookMs;
      this.offsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - (sentMs + tookMs / 2);
    }
  }

  private onAway(): void {
    if (!this.ready) return;
    this.ready = false;
    this.options.onState('away');
  }
}

/** An error that a working server replied, in contrast to one that says that it cannot work yet. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return false;
  return !/^(LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|WRONGPASS|TRYAGAIN)/.test(error.message);
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
