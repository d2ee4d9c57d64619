import type { Clock } from './clock.js';
import type { CacheSource } from './sources/cache-source.js';
import type { DatabaseSource } from './sources/database-source.js';

export type ServiceHealth = 'up' | 'down' | 'absent';

/** The answer of `GET /performance/health`: nothing in it helps an attacker. `uptime` in seconds. */
export interface Health {
  status: 'healthy' | 'degraded' | 'unhealthy';
  uptime: number;
  services: { database: ServiceHealth; cache: ServiceHealth };
  alerts: { active: number; critical: number };
}

const PROBE_TIMEOUT_MS = 2_000;
/** A probe's answer serves for so long: a public page must not become a way to load the database. */
const FRESH_MS = 1_000;

/** Asks database and cache whether they are there, at most once a second however often it is asked itself. */
export class HealthProbe {
  readonly #sources: { database: DatabaseSource | undefined; cache: CacheSource | undefined };
  readonly #clock: Clock;
  #services: Health['services'];
  #probedMs = -Infinity;
  #probing: Promise<Health['services']> | undefined;

  constructor(sources: { database: DatabaseSource | undefined; cache: CacheSource | undefined }, clock: Clock) {
    this.#sources = sources;
    this.#clock = clock;
    this.#services = { database: sources.database ? 'up' : 'absent', cache: sources.cache ? 'up' : 'absent' };
  }

  /** The last answer, without asking. */
  get last(): Health['services'] {
    return this.#services;
  }

  probe(): Promise<Health['services']> {
    if (this.#clock.monotonicMs() - this.#probedMs < FRESH_MS) return Promise.resolve(this.#services);
    this.#probing ??= this.#ask().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async #ask(): Promise<Health['services']> {
    const { database, cache } = this.#sources;
    const [databaseHealth, cacheHealth] = await Promise.all([
      database === undefined ? 'absent' : this.#isUp(() => database.isHealthy?.() ?? true),
      cache === undefined ? 'absent' : this.#isUp(() => cache.isHealthy()),
    ] as const);
    this.#services = { database: databaseHealth, cache: cacheHealth };
    this.#probedMs = this.#clock.monotonicMs();
    return this.#services;
  }

  async #isUp(ask: () => boolean | Promise<boolean>): Promise<ServiceHealth> {
    let cancel = (): void => undefined;
    const late = new Promise<boolean>(
      (resolve) => (cancel = this.#clock.schedule(() => resolve(false), PROBE_TIMEOUT_MS)),
    );
    try {
      return (await Promise.race([Promise.resolve(ask()), late])) ? 'up' : 'down';
    } catch {
      // Whatever a source throws when it is asked for its health means that it is not well.
      return 'down';
    } finally {
      cancel();
    }
  }
}

/** Without its database a service cannot serve; without its cache it can, more slowly; with a critical alert it does, badly. */
export function overallHealth(services: Health['services'], uptimeSeconds: number, alerts: Health['alerts']): Health {
  const status =
    services.database === 'down'
      ? 'unhealthy'
      : services.cache === 'down' || alerts.critical > 0
        ? 'degraded'
        : 'healthy';
  return { status, uptime: uptimeSeconds, services: { ...services }, alerts };
}
