import { logBucket, ringAndSort } from './bare.js';
import { otelExponential, promHistogram, promSummary } from './metric-libraries.js';
import type { MakeObserver } from './observer.js';
import { endpoint, sketch, window } from './ours.js';
import { ddSketch, hdrHistogram, hdrHistogramWasm, nodeHistogram } from './sketches.js';

export const observers = {
  'bare log-bucket': logBucket,
  '@dunlin/monitoring': sketch,
  '@dunlin/monitoring, a whole window': window,
  '@dunlin/monitoring, recordRequest': endpoint,
  'ring of 1,000 and sort': ringAndSort,
  'hdr-histogram-js': hdrHistogram,
  'hdr-histogram-js, WASM': hdrHistogramWasm,
  '@datadog/sketches-js': ddSketch,
  'node:perf_hooks': nodeHistogram,
  'prom-client Histogram': promHistogram,
  'prom-client Summary': promSummary,
  'OpenTelemetry exponential': otelExponential,
} satisfies Record<string, MakeObserver>;

export type ObserverName = keyof typeof observers;
