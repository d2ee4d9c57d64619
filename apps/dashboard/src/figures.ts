// What the endpoints below /performance answer, as far as the page shows it. Times in ms, rates and usages in percent.

export interface DurationFigures {
  average: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
  count: number;
  lowConfidence?: boolean;
}

export interface TrendPoint {
  at: string;
  requestsPerSecond: number;
  p95: number | null;
}

export interface EndpointFigures extends DurationFigures {
  method: string;
  route: string;
  requestsPerSecond: number;
  errorRate: number;
  errors: number;
  clientErrors: number;
  aborted: number;
  slow: number;
  trend?: TrendPoint[];
}

export interface Metrics {
  timestamp: string;
  windowSeconds: number;
  coveredSeconds: number;
  scope?: 'fleet';
  instances?: { instanceId: string; publishedAt: string; alive: boolean }[];
  responseTime: DurationFigures;
  throughput: { requestsPerSecond: number; requestsPerMinute: number };
  errorRate: { rate: number; count: number; clientErrors: number; aborted: number };
  systemResources: {
    cpuUsage: number;
    cpuLimit: number;
    memoryUsage: { used: number; total: number; percentage: number };
    heap: { used: number; limit: number };
    eventLoop: { delayP99Ms: number; utilization: number };
  };
  database: {
    connectionPoolUsage: number;
    averageQueryTime: number;
    p95QueryTime: number;
    slowQueries: number;
    queryCount: number;
    errors: number;
    averageWaitMs: number;
  };
  cache: { hitRate: number; missRate: number; evictionRate: number; lookups: number };
  endpoints: EndpointFigures[];
  self: { instanceId: string; overflowedLabels: number; rejectedObservations: number };
}

/** One step of the overview's charts; null where nothing was measured. */
export interface SeriesPoint {
  at: string;
  requestsPerSecond: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  errorRate: number | null;
  cpuUsage: number;
  memoryUsage: number;
  eventLoopDelayMs: number | null;
  poolUsage: number | null;
  cacheHitRate: number | null;
}

export interface Mark {
  at: string;
  kind: string;
  by: string;
  detail: string;
}

export interface Series {
  stepSeconds: number;
  points: SeriesPoint[];
  marks: Mark[];
}

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface Exemplar {
  correlationId: string;
  endpoint: string;
  durationMs: number;
  statusCode: number;
  at: string;
}

export interface Alert {
  id: string;
  type: string;
  severity: Severity;
  state: 'pending' | 'firing' | 'resolved';
  message: string;
  value: number;
  threshold: number;
  startedAt: string;
  firedAt?: string;
  resolvedAt?: string;
  resolvedBy?: string;
  acknowledgedAt?: string;
  acknowledgedBy?: string;
  muted?: boolean;
  instances: string[];
  exemplars?: Exemplar[];
  evidence?: Record<string, unknown>;
}

export interface QueryFigures {
  fingerprint: string;
  query: string;
  name?: string;
  count: number;
  errors: number;
  slow: number;
  rows: number;
  totalMs: number;
  average: number;
  p95: number;
  max: number;
  averageWaitMs: number;
  endpoints: string[];
}

/** A node of a plan, values taken out of its conditions. Costs are the planner's. */
export interface PlanTreeNode {
  operation: string;
  on?: string;
  index?: string;
  condition?: string;
  filter?: string;
  rows: number;
  cost: number;
  /** The cost without what its children cost. */
  ownCost: number;
  children: PlanTreeNode[];
}

export interface QueryDetail extends Partial<QueryFigures> {
  fingerprint: string;
  detail: {
    query?: string;
    p50Ms?: number;
    p95Ms?: number;
    p99Ms?: number;
    maxMs?: number;
    plan?: string;
    planTree?: PlanTreeNode;
    slowExecutions?: { durationMs: number; at: string; endpoint?: string; correlationId?: string }[];
  } | null;
}

export interface Advice {
  kind: string;
  statement: string;
  reason: string;
  evidence: Record<string, unknown>;
}

export interface Analysis {
  totalQueries: number;
  averageTime: number;
  recommendations: Advice[];
}

export interface Trace {
  correlationId: string;
  traceId: string;
  spanId: string;
  endpoint: string;
  method: string;
  route: string;
  statusCode: number;
  durationMs: number;
  firstByteMs: number;
  at: string;
  aborted: boolean;
  error?: string;
  queries: {
    fingerprint: string;
    query: string;
    startMs: number;
    durationMs: number;
    waitMs: number;
    rows: number;
    failed: boolean;
  }[];
  queryCount: number;
  queryMs: number;
  cacheCalls: {
    operation: string;
    keyClass: string;
    outcome: string;
    tier?: string;
    startMs: number;
    durationMs: number;
  }[];
  cacheCallCount: number;
  cacheMs: number;
  memory?: { heapBytes: number; exact: boolean };
}

export interface EndpointDetail {
  figures: EndpointFigures | null;
  /** Counts of durations between two bounds, in ms; bounds grow by a factor. */
  distribution: { fromMs: number; toMs: number; count: number }[];
  queries: QueryFigures[];
  cacheClasses: { keyClass: string; calls: number; hits: number; averageMs: number }[];
  slowest: Trace[];
}

export interface CacheTier {
  name: string;
  hits: number;
  misses: number;
  sets: number;
  errors: number;
  evictions: number;
  bytes: number;
  entries?: number;
  state?: string;
}

export interface CacheClass {
  name: string;
  pattern?: string;
  ttlSeconds: number;
  strict?: boolean;
  hits: number;
  misses: number;
  hitRate: number;
  joined?: number;
  fenced?: number;
  loads?: number;
  loadErrors?: number;
  averageLoadMs?: number;
  medianLoadMs?: number;
  advice?: string | { reason: string };
  memory?: { bytes: number };
}

export interface CacheFigures {
  hitRate: number;
  isHealthy: boolean;
  metrics: { hits: number; misses: number; sets: number; deletes: number; errors: number; evictions: number };
  window?: { hitRate: number; lookups: number };
  tiers: CacheTier[];
  classes: CacheClass[];
}

export interface Finding {
  severity: Severity;
  area: string;
  title: string;
  evidence: Record<string, unknown>;
  action: string;
  costMsPerMinute: number;
}

export interface Report {
  summary: string;
  period: { from: string; to: string; windowSeconds: number };
  findings: Finding[];
  recommendations: string[];
}

export type ThresholdName =
  | 'responseTimeMs'
  | 'errorRatePercent'
  | 'cpuUsagePercent'
  | 'memoryUsagePercent'
  | 'cacheHitRatePercent'
  | 'slowQueryMs';

export type Thresholds = Record<ThresholdName, number>;

export interface ThresholdAdvice {
  name: ThresholdName;
  current: number;
  suggested: number;
  currentWouldHaveFired: number;
  suggestedWouldHaveFired: number;
  days: number;
  reason: string;
}

export interface Channel {
  name: string;
  kind: string;
  queued: number;
  delivered: number;
  failedAttempts: number;
  givenUp: number;
  lastError?: string;
  dead: boolean;
}

export interface Mute {
  id: string;
  type?: string;
  until: string;
  reason: string;
  createdBy: string;
}

export interface Rule {
  name: string;
  metric: string;
  comparison: 'above' | 'below';
  threshold: number;
  endpoint?: string;
  windowSeconds?: number;
}

export interface MaintenanceRun {
  id: string;
  startedAt: string;
  finishedAt: string | null;
  instance: string;
  status: 'running' | 'completed' | 'failed' | 'interrupted';
  steps: { task: string; table?: string; status: string; durationMs: number; detail: string }[];
}

export interface LedgerHealth {
  asOf: string;
  /** Money in minor units, as strings. */
  floatOfTokens: string;
  issuerBalance: string;
  activeTokens: number;
  transfersPerSecond: number;
  reconciliation: { at: string; sound: boolean; detail: string } | null;
  doubleSpends: { id: string; detectedAt: string; tokenId: string; signer: string; code: string }[];
}
