import {
  AggregationTemporality,
  AggregationType,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import prometheus from 'prom-client';
import type { Observer } from './observer.js';

let made = 0;
const newName = (): string => `duration_seconds_${(made += 1)}`;

/** With its default buckets, in a registry of its own. */
export function promHistogram(): Observer {
  const own = new prometheus.Histogram({ name: newName(), help: 'h', registers: [] });
  return {
    observe: (ms) => own.observe(ms / 1_000),
    async quantiles(shares) {
      const { values } = await own.get();
      const counts = values.filter((value) => value.metricName?.endsWith('_bucket'));
      const bounds = counts.map((value) => Number(value.labels.le === '+Inf' ? Infinity : value.labels.le));
      const cumulative = counts.map((value) => value.value);
      return shares.map((share) => 1_000 * withinBucket(bounds, cumulative, share));
    },
  };
}

/** As Prometheus' `histogram_quantile` does it: a straight line through the bucket. */
function withinBucket(bounds: readonly number[], cumulative: readonly number[], share: number): number {
  const rank = share * (cumulative.at(-1) ?? 0);
  const place = cumulative.findIndex((count) => count >= rank);
  const [low = 0, high = Infinity] = [bounds[place - 1], bounds[place]];
  const below = cumulative[place - 1] ?? 0;
  if (high === Infinity) return low;
  return low + ((high - low) * (rank - below)) / ((cumulative[place] ?? 0) - below);
}

/** A t-digest, with the shares that are asked for. */
export function promSummary(): Observer {
  const own = new prometheus.Summary({ name: newName(), help: 'h', registers: [], percentiles: [0.5, 0.95, 0.99] });
  return {
    observe: (ms) => own.observe(ms / 1_000),
    async quantiles(shares) {
      const { values } = await own.get();
      return shares.map((share) => 1_000 * (values.find((value) => value.labels.quantile === share)?.value ?? NaN));
    },
  };
}

/** The exponential histogram, its best one, with the default of 160 buckets. */
export function otelExponential(): Observer {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const provider = new MeterProvider({
    readers: [reader],
    views: [{ instrumentName: '*', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const own = provider.getMeter('bench').createHistogram('duration', { unit: 'ms' });
  return {
    observe: (ms) => own.record(ms),
    async quantiles(shares) {
      const { resourceMetrics } = await reader.collect();
      const metric = resourceMetrics.scopeMetrics[0]?.metrics[0];
      if (metric?.dataPointType !== DataPointType.EXPONENTIAL_HISTOGRAM) throw new Error('no exponential histogram');
      const { positive, scale, count } = metric.dataPoints[0]!.value;
      const base = 2 ** (2 ** -scale);
      return shares.map((share) => {
        let left = Math.ceil(share * count);
        const place = positive.bucketCounts.findIndex((inBucket) => (left -= inBucket) <= 0);
        const low = base ** (positive.offset + place);
        return (2 * low * base) / (1 + base);
      });
    },
  };
}
