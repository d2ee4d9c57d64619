import { RULE_METRICS } from '../alerts/rule.js';
import { SEVERITIES } from '../alerts/alert.js';
import { THRESHOLD_BOUNDS } from '../alerts/thresholds.js';

/** JSON Schemas for documentation only: they neither validate nor shape what is sent. */
type Schema = Record<string, unknown>;

export const number: Schema = { type: 'number' };
export const integer: Schema = { type: 'integer' };
export const string: Schema = { type: 'string' };
export const boolean: Schema = { type: 'boolean' };
export const time: Schema = { type: 'string', format: 'date-time' };

export function object(properties: Record<string, Schema>, required = Object.keys(properties)): Schema {
  return { type: 'object', properties, required };
}

export function list(items: Schema): Schema {
  return { type: 'array', items };
}

export const anything: Schema = { type: 'object', additionalProperties: true };

export const windowQuery = object({ window: { type: 'integer', enum: [60, 300, 3600], default: 60 } }, []);

const duration = {
  average: number,
  p50: number,
  p95: number,
  p99: number,
  max: number,
  count: integer,
  lowConfidence: boolean,
};
const durationRequired = ['average', 'p50', 'p95', 'p99', 'max', 'count'];

export const endpointSchema = object(
  {
    method: string,
    route: string,
    ...duration,
    requestsPerSecond: number,
    errorRate: number,
    errors: integer,
    clientErrors: integer,
    aborted: integer,
    slow: integer,
  },
  ['method', 'route', ...durationRequired, 'errorRate'],
);

export const metricsSchema = object({
  timestamp: time,
  windowSeconds: integer,
  responseTime: object(duration, durationRequired),
  throughput: object({ requestsPerSecond: number, requestsPerMinute: number }),
  errorRate: object({ rate: number, count: integer, clientErrors: integer, aborted: integer }),
  systemResources: object({
    cpuUsage: number,
    memoryUsage: object({ used: number, total: number, percentage: number }),
    heap: object({ used: number, limit: number }),
    eventLoop: object({ delayP99Ms: number, utilization: number }),
  }),
  database: object({
    connectionPoolUsage: number,
    averageQueryTime: number,
    p95QueryTime: number,
    slowQueries: integer,
    queryCount: integer,
  }),
  cache: object({ hitRate: number, missRate: number, evictionRate: number }),
  endpoints: list(endpointSchema),
});

export const alertSchema = object(
  {
    id: { type: 'string', format: 'uuid' },
    type: string,
    severity: { type: 'string', enum: [...SEVERITIES] },
    state: { type: 'string', enum: ['pending', 'firing', 'resolved'] },
    message: string,
    value: number,
    threshold: number,
    startedAt: time,
    resolvedAt: time,
    resolvedBy: string,
    exemplars: list(anything),
  },
  ['id', 'type', 'severity', 'state', 'message', 'value', 'threshold', 'startedAt'],
);

export const thresholdsSchema = object(
  Object.fromEntries(
    Object.entries(THRESHOLD_BOUNDS).map(([name, { low, high }]) => [
      name,
      { type: 'number', minimum: low, maximum: high },
    ]),
  ),
);

export const thresholdPatchSchema: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    Object.entries(THRESHOLD_BOUNDS).map(([name, { low, high }]) => [
      name,
      {
        type: 'number',
        minimum: low,
        maximum: high,
        nullable: true,
        description: 'null takes it back to the configured value',
      },
    ]),
  ),
};

export const ruleSchema = object(
  {
    name: string,
    metric: { type: 'string', enum: Object.keys(RULE_METRICS) },
    endpoint: string,
    comparison: { type: 'string', enum: ['above', 'below'] },
    threshold: number,
    clearBound: number,
    windowSeconds: { type: 'integer', enum: [60, 300, 3600] },
    forSeconds: number,
    minSamples: integer,
    severity: { type: 'string', enum: [...SEVERITIES] },
    objectivePercent: { type: 'number', minimum: 50, maximum: 99.999, description: 'with metric slo.burnRate' },
    endpoints: {
      ...list(string),
      description: 'with metric slo.burnRate; POST /wallet/* stands for all that begin so',
    },
    windows: list(anything),
    title: string,
  },
  ['name', 'metric'],
);

export const healthSchema = object({
  status: { type: 'string', enum: ['healthy', 'degraded', 'unhealthy'] },
  uptime: number,
  services: object({ database: string, cache: string }),
  alerts: object({ active: integer, critical: integer }),
});

export const problemSchema = object(
  {
    type: string,
    title: string,
    status: integer,
    detail: string,
    code: string,
    errors: list(object({ path: string, message: string })),
  },
  ['type', 'title', 'status', 'detail', 'code'],
);
