import { RequestSeries } from './request-series.js';

/** The label of requests that no route matched; scanners' addresses all land here. */
export const UNMATCHED_ROUTE = '(unmatched)';
/** The label of endpoints beyond the cap. */
export const OVERFLOW_ROUTE = '(overflow)';

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The method as a label: the usual ones by name, everything else as `_OTHER`. */
export function methodLabel(method: string): string {
  return KNOWN_METHODS.has(method) ? method : '_OTHER';
}

/** One series an endpoint (method and route template), at most `capacity` of them; the rest share one overflow series. */
export class EndpointRegistry {
  readonly #capacity: number;
  readonly #byRoute = new Map<string, Map<string, RequestSeries>>();
  readonly #all: RequestSeries[] = [];
  #overflow: RequestSeries | undefined;
  /** How many observations went to the overflow series. */
  overflowed = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  seriesFor(method: string, route: string, nowMs: number): RequestSeries {
    const ofRoute = this.#byRoute.get(route);
    const known = ofRoute?.get(method);
    if (known !== undefined) return known;
    const label = methodLabel(method);
    return ofRoute?.get(label) ?? this.#create(label, route, nowMs);
  }

  all(): readonly RequestSeries[] {
    return this.#all;
  }

  turn(nowMs: number): void {
    for (const series of this.#all) series.window.turn(nowMs);
  }

  #create(method: string, route: string, nowMs: number): RequestSeries {
    if (this.#all.length >= this.#capacity) {
      this.overflowed += 1;
      if (this.#overflow === undefined) {
        this.#overflow = new RequestSeries('_OTHER', OVERFLOW_ROUTE, nowMs);
        this.#all.push(this.#overflow);
      }
      return this.#overflow;
    }
    const series = new RequestSeries(method, route, nowMs);
    let methods = this.#byRoute.get(route);
    if (methods === undefined) this.#byRoute.set(route, (methods = new Map()));
    methods.set(method, series);
    this.#all.push(series);
    return series;
  }
}
