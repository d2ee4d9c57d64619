import { LatencySketch, PerformanceMonitoringService, SlidingWindow, WindowReading } from '@dunlin/monitoring';
import type { Observer } from './observer.js';

export function sketch(): Observer {
  const own = new LatencySketch();
  return {
    observe: (ms) => own.record(ms),
    quantiles: (shares) => shares.map((share) => own.quantileMs(share)),
  };
}

/** Everything that a request's duration goes through in the monitor: all requests and the one endpoint, with their counters. */
export function endpoint(): Observer {
  const monitor = new PerformanceMonitoringService();
  const request = { method: 'GET', route: '/users/:id', statusCode: 200, durationMs: 0 };
  return {
    observe(ms) {
      request.durationMs = ms;
      monitor.recordRequest(request);
    },
  };
}

const SLOT_MS = 5_000;

/** An hour's window with all its slots in use; what is observed is spread over them. */
export function window(): Observer {
  let nowMs = 0;
  let observed = 0;
  const own = new SlidingWindow(0, nowMs);
  const reading = new WindowReading(0);
  return {
    observe(ms) {
      own.open.record(ms);
      observed += 1;
      // A thousand a slot: a million of them fill the hour.
      if (observed % 1_000 === 0) own.turn((nowMs += SLOT_MS));
    },
    quantiles(shares) {
      own.read(3600, nowMs, reading);
      return shares.map((share) => reading.sketch.quantileMs(share));
    },
  };
}
