import { getHeapStatistics } from 'node:v8';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import type { RequestRecord } from '../tracing/request-record.js';

/** One request in so many has its memory measured: the measurement costs some microseconds. */
const MEMORY_SAMPLE_EVERY = 64;

interface MemorySample {
  record: RequestRecord;
  heapBytes: number;
  begun: number;
  alone: boolean;
  collections: number;
}

/**
 * What all three frameworks share: begins and ends requests on one monitor. The memory of a request is the growth of the
 * whole heap while it ran, so it is called exact only when no other request ran at the same time and no garbage
 * collection came between (a fall shows one).
 */
export class RequestCompletion {
  readonly #monitor: PerformanceMonitoringService;
  #inFlight = 0;
  #begun = 0;
  /** Grows with every request that begins, so a sampled one can tell whether another came beside it. */
  #sampled: MemorySample | undefined;

  constructor(monitor: PerformanceMonitoringService) {
    this.#monitor = monitor;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  begin(record: RequestRecord): void {
    this.#inFlight += 1;
    this.#begun += 1;
    if (this.#begun % MEMORY_SAMPLE_EVERY !== 0) return;
    this.#sampled = {
      record,
      heapBytes: getHeapStatistics().used_heap_size,
      begun: this.#begun,
      alone: this.#inFlight === 1,
      collections: this.#monitor.figures.system.collections,
    };
  }

  end(record: RequestRecord): void {
    this.#inFlight -= 1;
    record.durationMs = this.#monitor.options.clock.monotonicMs() - record.startedMs;
    if (this.#sampled?.record === record) this.#measureMemory(record, this.#sampled);
    this.#monitor.recordTrace(record);
  }

  #measureMemory(record: RequestRecord, sampled: MemorySample): void {
    const heapBytes = getHeapStatistics().used_heap_size - sampled.heapBytes;
    const undisturbed = sampled.alone && sampled.begun === this.#begun;
    const collected = heapBytes < 0 || sampled.collections !== this.#monitor.figures.system.collections;
    record.memory = { heapBytes, exact: undisturbed && !collected };
    this.#sampled = undefined;
  }
}
