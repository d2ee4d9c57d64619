/** Five minutes of one instance, as they are remembered. Rates and usages in percent, times in ms; null where nothing was measured. */
export interface HistoryPoint {
  instanceId: string;
  atMs: number;
  requests: number;
  /** This and the other optional ones are absent from points that an older version wrote. */
  responseTimeP50?: number | null;
  responseTimeP95: number | null;
  responseTimeP99?: number | null;
  errorRate: number | null;
  cpuUsage: number;
  memoryUsage: number;
  eventLoopDelayMs?: number | null;
  poolUsage?: number | null;
  cacheHitRate: number | null;
  slowestQueryMs: number | null;
}

/** Keeps history points; bounded by age through `prune`. */
export interface HistoryStore {
  add(point: HistoryPoint): Promise<void>;
  /** Oldest first, at most 50,000. */
  read(since: Date): Promise<HistoryPoint[]>;
  prune(before: Date): Promise<void>;
}
