/**
 * A load under way. Whoever invalidates its key, one of its tags or its group while it runs *fences* it: callers that
 * already wait still get its value (they began before the invalidation was acknowledged), later callers do not join it, and its value is
 * not kept unless it carries a version that is new enough.
 */
export class Flight {
  private floor: number | undefined;
  private discarded = false;
  private isJoinable = true;
  /** Settled with what the load gave; set by who opened the flight, before anyone else can see it. */
  outcome: Promise<unknown> | undefined;

  constructor(
    readonly key: string,
    readonly tags: readonly string[],
    /** How many tag invalidations there had been when it opened. */
    readonly tagEpoch: number,
  ) {}

  get joinable(): boolean {
    return this.isJoinable;
  }

  /** Something made this load's answer old. With a version, an answer of at least that version is still good. */
  fence(version?: number): void {
    this.isJoinable = false;
    if (version === undefined) this.discarded = true;
    else this.floor = Math.max(this.floor ?? version, version);
  }

  /** Whether a value of `version` may be kept. */
  mayKeep(version: number | undefined): boolean {
    if (this.discarded) return false;
    return this.floor === undefined || (version !== undefined && version >= this.floor);
  }
}

/** Every load that may end in a fill. Bounded by the loads that run. */
export class Flights {
  private readonly byKey = new Map<string, Set<Flight>>();

  open(key: string, tags: readonly string[], tagEpoch: number): Flight {
    const flight = new Flight(key, tags, tagEpoch);
    const running = this.byKey.get(key);
    if (running) running.add(flight);
    else this.byKey.set(key, new Set([flight]));
    return flight;
  }

  /** The load of `key` that a new caller may wait for. */
  joinable(key: string): Flight | undefined {
    const running = this.byKey.get(key);
    if (!running) return undefined;
    for (const flight of running) if (flight.joinable && flight.outcome) return flight;
    return undefined;
  }

  close(flight: Flight): void {
    const running = this.byKey.get(flight.key);
    running?.delete(flight);
    if (running?.size === 0) this.byKey.delete(flight.key);
  }

  fenceKey(key: string, version?: number): void {
    const running = this.byKey.get(key);
    if (running) for (const flight of running) flight.fence(version);
  }

  /** Fences every load that `accepts` takes. Cost: the loads that run. */
  fenceWhere(accepts: (flight: Flight) => boolean): void {
    for (const running of this.byKey.values()) for (const flight of running) if (accepts(flight)) flight.fence();
  }

  fenceAll(): void {
    this.fenceWhere(() => true);
  }
}
