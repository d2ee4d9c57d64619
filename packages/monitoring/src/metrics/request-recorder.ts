import type { EndpointMetrics } from '../performance-metrics.js';
import { EndpointRegistry } from './endpoint-registry.js';
import { endpointMetrics } from './request-figures.js';
import { requestReading, RequestSeries, type RequestObservation } from './request-series.js';
import type { WindowReading, WindowSeconds } from './sliding-window.js';

/** All requests of this process: together, and by endpoint. */
export class RequestRecorder {
  readonly all: RequestSeries;
  readonly endpoints: EndpointRegistry;
  readonly #reading = requestReading();

  constructor(nowMs: number, maxEndpoints: number) {
    this.all = new RequestSeries('*', '*', nowMs);
    this.endpoints = new EndpointRegistry(maxEndpoints);
  }

  record(method: string, route: string, observation: RequestObservation, nowMs: number): void {
    this.all.record(observation);
    this.endpoints.seriesFor(method, route, nowMs).record(observation);
  }

  turn(nowMs: number): void {
    this.all.window.turn(nowMs);
    this.endpoints.turn(nowMs);
  }

  /** The window over all requests, or over one endpoint as `GET /path`; undefined when there is no such endpoint. The reading holds until the next call. */
  read(window: WindowSeconds, nowMs: number, endpoint?: string): WindowReading | undefined {
    const series =
      endpoint === undefined ? this.all : this.endpoints.all().find((one) => `${one.method} ${one.route}` === endpoint);
    if (series === undefined) return undefined;
    series.window.read(window, nowMs, this.#reading);
    return this.#reading;
  }

  /** Shows each endpoint with requests in the window; the reading holds only during the call. */
  visitEndpoints(
    window: WindowSeconds,
    nowMs: number,
    visit: (series: RequestSeries, reading: WindowReading) => void,
  ): void {
    for (const series of this.endpoints.all()) {
      series.window.read(window, nowMs, this.#reading);
      if (this.#reading.counters.some((value) => value > 0)) visit(series, this.#reading);
    }
  }

  /** The endpoints with requests in the window, those that took the most time in total first. */
  endpointMetrics(window: WindowSeconds, nowMs: number): EndpointMetrics[] {
    const metrics: EndpointMetrics[] = [];
    this.visitEndpoints(window, nowMs, (series, reading) => metrics.push(endpointMetrics(series, reading)));
    return metrics.sort((a, b) => b.average * b.count - a.average * a.count);
  }
}
