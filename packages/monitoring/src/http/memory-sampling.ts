import { getHeapStatistics } from 'node:v8';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import type { RequestRecord } from '../tracing/request-record.js';

/** So long after one measurement began, the next request is measured: it costs some microseconds, so a busy server measures few. */
const SAMPLE_EVERY_MS = 10;
/** A request that does not end within this time gives its place up. */
const LONGEST_SAMPLE_MS = 10_000;

interface MemorySample {
  record: RequestRecord;
  heapBytes: number;
  alone: boolean;
  collections: number;
}

/**
 * The memory of a request is the growth of the whole heap while it ran. It is called exact only when no other request ran at
 * the same time and no garbage collection came between (a fall shows one); otherwise it is an estimate.
 */
export class MemorySampling {
  readonly #monitor: PerformanceMonitoringService;
  #sampled: MemorySample | undefined;
  #sampledMs = -Infinity;

  constructor(monitor: PerformanceMonitoringService) {
    this.#monitor = monitor;
  }

  begin(record: RequestRecord, inFlight: number): void {
    const sampled = this.#sampled;
    if (sampled !== undefined) sampled.alone = false;
    const sinceMs = record.startedMs - this.#sampledMs;
    if (sinceMs < (sampled === undefined ? SAMPLE_EVERY_MS : LONGEST_SAMPLE_MS)) return;
    this.#sampledMs = record.startedMs;
    this.#sampled = {
      record,
      heapBytes: getHeapStatistics().used_heap_size,
      alone: inFlight === 1,
      collections: this.#monitor.figures.system.collections,
    };
  }

  end(record: RequestRecord): void {
    const sampled = this.#sampled;
    if (sampled?.record !== record) return;
    this.#sampled = undefined;
    const heapBytes = getHeapStatistics().used_heap_size - sampled.heapBytes;
    const collected = heapBytes < 0 || sampled.collections !== this.#monitor.figures.system.collections;
    record.memory = { heapBytes, exact: sampled.alone && !collected };
  }
}
