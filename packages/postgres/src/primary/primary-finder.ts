import pg from 'pg';
import { pause, type Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import { askServer } from './server-facts.js';
import type { Server } from './server-list.js';
import type { Refusal, TimelineFence } from './timeline-fence.js';

export interface FinderOptions {
  readonly servers: readonly Server[];
  /** Undefined: every server that lets us in is taken for the primary. */
  readonly fence: TimelineFence | undefined;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The driver's settings for a session with this server. */
  readonly configOf: (server: Server) => pg.ClientConfig;
}

/** What became of one look at one server. */
type Sighting =
  | { readonly kind: 'primary'; readonly server: Server; readonly timeline: number }
  | { readonly kind: 'refused'; readonly server: Server; readonly reason: Refusal }
  | { readonly kind: 'unreachable'; readonly server: Server; readonly reason: string };

/** Once one server has said that it is the primary, how long the others have to say that they are a newer one. */
const GRACE_MS = 300;
/** The grace passes in so many parts: of a process that stands still a part is lost, and not the answers that have come meanwhile. */
const GRACE_PARTS = 12;
const LOOK_EVERY_MS = 5_000;

const REFUSALS: Record<Refusal, string> = {
  standby: 'it is a standby',
  older_timeline: 'it is on an older timeline: another server has been promoted since',
  other_cluster: 'it belongs to another cluster',
};

/**
 * Knows which of several servers is the primary, and lets no session be used with any other.
 *
 * To find it, all are asked at once and the one on the newest timeline is taken, not the first in the list: a former primary that
 * came back by mistake takes writes too. Every new session is asked again, for servers change behind their addresses. While one
 * serves, the others are looked at every 5 s, so that a promotion is noticed even where the former primary goes on answering.
 */
export class PrimaryFinder {
  readonly #options: FinderOptions;
  readonly #timelines = new WeakMap<object, number>();
  readonly #stopping = new AbortController();
  readonly #lastRefusal = new Map<Server, Refusal>();
  #current: Server | undefined;
  #latest: Server;
  #finding: Promise<Server> | undefined;
  #looking = false;
  readonly #stopHeeding: (() => void) | undefined;

  constructor(options: FinderOptions) {
    this.#options = options;
    this.#latest = options.servers[0] as Server;
    if (options.servers.length === 1) this.#current = this.#latest;
    else this.#stopHeeding = options.fence?.onRaise(() => (this.#current = undefined));
  }

  /** The server to open sessions with; undefined while none is known to be the primary. */
  get current(): Server | undefined {
    return this.#current;
  }

  /** The primary, or what it was last; a session with it is asked before it is used. */
  get latest(): Server {
    return this.#latest;
  }

  /** Looks for the primary unless it is known. Rejects with what each server said when none can be used. */
  async find(): Promise<Server> {
    if (this.#current !== undefined) return this.#current;
    this.#finding ??= this.#choose().finally(() => (this.#finding = undefined));
    return this.#finding;
  }

  /** A session with this server could not be had: the next one is opened with whoever is the primary then. */
  leave(server: Server): void {
    if (this.#options.servers.length > 1 && this.#current === server) this.#current = undefined;
  }

  /** Makes sure that a session, just opened, is with the primary; rejects and says so in the log when it is not. */
  async admit(client: pg.Client, server: Server): Promise<void> {
    const { fence, connectTimeoutMs } = this.#options;
    if (fence === undefined) return;
    const facts = await askServer(client, connectTimeoutMs);
    const refusal = fence.judge(facts);
    if (refusal !== undefined) {
      this.#tellRefusal(server, refusal, facts.timeline);
      throw new Error(`the server ${server.name} is refused: ${REFUSALS[refusal]}`);
    }
    this.#lastRefusal.delete(server);
    this.#timelines.set(client, facts.timeline);
  }

  /** The timeline of a session that was admitted; one that nobody looked at counts as the newest. */
  timelineOf(client: object): number {
    return this.#timelines.get(client) ?? Number.POSITIVE_INFINITY;
  }

  /** True when a server has been promoted since this session was opened. */
  isOutdated(client: object): boolean {
    const { fence } = this.#options;
    return fence !== undefined && this.timelineOf(client) < fence.timeline;
  }

  /** Looks at nobody any more; may be called twice. */
  close(): void {
    this.#stopHeeding?.();
    this.#stopping.abort();
  }

  async #choose(): Promise<Server> {
    const sightings = await this.#lookAtAll();
    // A server that answered early may be refused by what a later one said.
    const oldest = this.#options.fence?.timeline ?? 0;
    const chosen = sightings.find((one) => one.kind === 'primary' && one.timeline >= oldest);
    if (chosen?.kind !== 'primary')
      throw new Error(`none of the servers is a primary: ${sightings.map(describe).join('; ')}`);
    this.#current = this.#latest = chosen.server;
    this.#options.logger.info({ server: chosen.server.name, timeline: chosen.timeline }, 'the primary was found');
    if (!this.#looking) void this.#keepLooking();
    return chosen.server;
  }

  /** Asks all servers beside each other; waits for the last, or a moment longer than for the first primary. */
  async #lookAtAll(): Promise<Sighting[]> {
    const { servers, clock } = this.#options;
    const seen: Sighting[] = [];
    const enough = new AbortController();
    const looks = servers.map(async (server) => {
      const sighting = await this.#look(server);
      seen.push(sighting);
      if (sighting.kind === 'primary') void passGrace(clock).then(() => enough.abort());
    });
    const first = new Promise<void>((resolve) => enough.signal.addEventListener('abort', () => resolve()));
    await Promise.race([Promise.all(looks), first]);
    return seen;
  }

  async #look(server: Server): Promise<Sighting> {
    const { fence, configOf, connectTimeoutMs } = this.#options;
    const client = new pg.Client({ ...configOf(server), connectionTimeoutMillis: connectTimeoutMs });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const facts = await askServer(client, connectTimeoutMs);
      const reason = fence?.judge(facts) ?? (facts.standby ? 'standby' : undefined);
      if (reason === undefined) return { kind: 'primary', server, timeline: facts.timeline };
      this.#tellRefusal(server, reason, facts.timeline);
      return { kind: 'refused', server, reason };
    } catch (error) {
      return { kind: 'unreachable', server, reason: reasonOf(error) };
    } finally {
      // A server that does not answer does not say goodbye either, and nobody waits for it.
      void client.end().catch(() => undefined);
    }
  }

  /** Looks at the others while one serves. What they say reaches the fence, and the fence everybody. */
  async #keepLooking(): Promise<void> {
    this.#looking = true;
    const { servers, clock } = this.#options;
    for (;;) {
      await pause(clock, LOOK_EVERY_MS, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      const current = this.#current;
      if (current === undefined) continue;
      await Promise.all(servers.filter((server) => server !== current).map((server) => this.#look(server)));
    }
  }

  /** A standby is where it belongs; the other refusals mean that somebody has to do something. Each is said once. */
  #tellRefusal(server: Server, reason: Refusal, timeline: number): void {
    if (this.#lastRefusal.get(server) === reason) return;
    this.#lastRefusal.set(server, reason);
    if (reason === 'standby') return;
    const fields = { server: server.name, reason, timeline, newestTimeline: this.#options.fence?.timeline };
    this.#options.logger.error(fields, `a database server is refused: ${REFUSALS[reason]}`);
  }
}

async function passGrace(clock: Clock): Promise<void> {
  for (let part = 0; part < GRACE_PARTS; part += 1) await pause(clock, GRACE_MS / GRACE_PARTS);
}

function describe(sighting: Sighting): string {
  const { name } = sighting.server;
  switch (sighting.kind) {
    case 'primary':
      return `${name} is on an older timeline`;
    case 'refused':
      return `${name}: ${REFUSALS[sighting.reason]}`;
    case 'unreachable':
      return `${name}: ${sighting.reason}`;
  }
}

/** Several addresses of one name fail alike; the first speaks for all. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
