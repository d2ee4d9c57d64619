import { createHistogram } from 'node:perf_hooks';
import { DDSketch } from '@datadog/sketches-js';
import { build, initWebAssemblySync, type Histogram } from 'hdr-histogram-js';
import type { Observer } from './observer.js';

/** One percent, as ours promises. */
export function ddSketch(): Observer {
  const own = new DDSketch({ relativeAccuracy: 0.01 });
  return {
    observe: (ms) => own.accept(ms),
    quantiles: (shares) => shares.map((share) => own.getValueAtQuantile(share)),
  };
}

/** Whole microseconds up to ten minutes with two digits, the equal of one percent. */
export function hdrHistogram(): Observer {
  return hdr(false);
}

export function hdrHistogramWasm(): Observer {
  initWebAssemblySync();
  return hdr(true);
}

function hdr(useWebAssembly: boolean): Observer {
  const own: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 2,
    bitBucketSize: 32,
    useWebAssembly,
  });
  return {
    observe: (ms) => own.recordValue(Math.round(ms * 1_000)),
    quantiles: (shares) => shares.map((share) => own.getValueAtPercentile(share * 100) / 1_000),
  };
}

/** Node's own, in C++: two digits, whole microseconds. */
export function nodeHistogram(): Observer {
  const own = createHistogram({ lowest: 1, highest: 600_000_000, figures: 2 });
  return {
    observe: (ms) => own.record(Math.max(1, Math.round(ms * 1_000))),
    quantiles: (shares) => shares.map((share) => own.percentile(share * 100) / 1_000),
  };
}
