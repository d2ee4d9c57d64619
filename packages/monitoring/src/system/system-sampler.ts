import { readdir } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { CumulativeRing } from '../metrics/cumulative-ring.js';
import { SlidingWindow, WindowReading, type WindowSeconds } from '../metrics/sliding-window.js';
import { availableCpus } from './available-cpus.js';
import { readCgroup, type CgroupFigures } from './cgroup.js';
import { EventLoopProbe } from './event-loop.js';
import { GarbageCollectionProbe } from './garbage-collection.js';

/** The process against what it may use. Usages are in percent, sizes in bytes, times in milliseconds. */
export interface SystemFigures {
  cpuUsage: number;
  /** CPUs that 100 % stands for: the control group's quota, else the CPUs that the machine offers. */
  cpuLimit: number;
  memoryUsage: { used: number; total: number; percentage: number };
  heap: { used: number; limit: number };
  eventLoop: { delayP99Ms: number; utilization: number };
  garbageCollection: { collections: number; pausedMs: number };
  residentBytes: number;
  openFileDescriptors?: number;
  activeHandles: number;
  /** How many one-second samples stand behind the rates. */
  samples: number;
}

const COLUMNS = { cpuMs: 0, busyMs: 1, idleMs: 2, collections: 3, pausedMs: 4 } as const;
const HOUR_OF_SECONDS = 3601;

/** Looks at the process once a second and answers for any window up to an hour. Reading costs no system call but for memory. */
export class SystemSampler {
  readonly #ring = new CumulativeRing(5, HOUR_OF_SECONDS);
  readonly #delays: SlidingWindow;
  readonly #reading = new WindowReading(0);
  readonly #loop = new EventLoopProbe();
  readonly #gc = new GarbageCollectionProbe();
  readonly #cpuOrigin = process.cpuUsage();
  #cgroup: CgroupFigures;
  #samplesUntilCgroup = 0;
  #openFileDescriptors: number | undefined;

  constructor(nowMs: number) {
    this.#delays = new SlidingWindow(0, nowMs);
    this.#cgroup = readCgroup();
    this.#photograph(nowMs);
  }

  start(): void {
    this.#loop.start();
    this.#gc.start();
  }

  stop(): void {
    this.#loop.stop();
    this.#gc.stop();
  }

  sample(nowMs: number): void {
    this.#loop.drainDelays(this.#delays.open);
    this.#delays.turn(nowMs);
    this.#photograph(nowMs);
    if (this.#samplesUntilCgroup <= 0) {
      this.#cgroup = readCgroup();
      this.#samplesUntilCgroup = 5;
      this.#countFileDescriptors();
    }
    this.#samplesUntilCgroup -= 1;
  }

  figures(window: WindowSeconds, nowMs: number): SystemFigures {
    const { spanMs, totals } = this.#ring.growth(window * 1000, nowMs, this.#totals());
    this.#delays.read(window, nowMs, this.#reading);
    const heap = getHeapStatistics();
    const cpuLimit = availableCpus(this.#cgroup);
    const loopMs = totals[COLUMNS.busyMs]! + totals[COLUMNS.idleMs]!;
    const resident = process.memoryUsage.rss();
    const figures: SystemFigures = {
      cpuUsage: spanMs < 1 ? 0 : (100 * totals[COLUMNS.cpuMs]!) / spanMs / cpuLimit,
      cpuLimit,
      memoryUsage: this.#memory(resident),
      heap: { used: heap.used_heap_size, limit: heap.heap_size_limit },
      eventLoop: {
        delayP99Ms: this.#reading.sketch.quantileMs(0.99),
        utilization: loopMs === 0 ? 0 : (100 * totals[COLUMNS.busyMs]!) / loopMs,
      },
      garbageCollection: { collections: totals[COLUMNS.collections]!, pausedMs: totals[COLUMNS.pausedMs]! },
      residentBytes: resident,
      activeHandles: process.getActiveResourcesInfo().length,
      samples: Math.min(this.#ring.size, window),
    };
    if (this.#openFileDescriptors !== undefined) figures.openFileDescriptors = this.#openFileDescriptors;
    return figures;
  }

  /** The last few seconds, for a chart's step: usages in percent, the delay's P99 in ms or null when none was measured. */
  recent(spanMs: number, nowMs: number): { cpuUsage: number; memoryUsage: number; eventLoopDelayMs: number | null } {
    const { spanMs: covered, totals } = this.#ring.growth(spanMs, nowMs, this.#totals());
    const known = this.#delays.readLast(nowMs, this.#reading) && this.#reading.sketch.count > 0;
    return {
      cpuUsage: covered < 1 ? 0 : (100 * totals[COLUMNS.cpuMs]!) / covered / availableCpus(this.#cgroup),
      memoryUsage: this.#memory(process.memoryUsage.rss()).percentage,
      eventLoopDelayMs: known ? this.#reading.sketch.quantileMs(0.99) : null,
    };
  }

  /** Garbage collections since monitoring started. */
  get collections(): number {
    return this.#gc.collections;
  }

  /** CPU time since the process began, in milliseconds. */
  cpuTotalMs(): number {
    const used = process.cpuUsage();
    return (used.user + used.system) / 1000;
  }

  #photograph(nowMs: number): void {
    this.#ring.push(nowMs, this.#totals());
  }

  #totals(): number[] {
    const cpu = process.cpuUsage(this.#cpuOrigin);
    const { busyMs, idleMs } = this.#loop.busyAndIdleMs();
    return [(cpu.user + cpu.system) / 1000, busyMs, idleMs, this.#gc.collections, this.#gc.pausedMs];
  }

  /** With a limit on the group, its working set is what the limit bites on; without one, this process against the machine. */
  #memory(residentBytes: number): SystemFigures['memoryUsage'] {
    const machine = totalmem();
    const limit = this.#cgroup.memoryLimitBytes;
    const limited = limit !== undefined && limit < machine;
    const used = limited ? Math.max(residentBytes, this.#cgroup.workingSetBytes ?? 0) : residentBytes;
    const total = limited ? limit : machine;
    return { used, total, percentage: (100 * used) / total };
  }

  #countFileDescriptors(): void {
    readdir('/proc/self/fd').then(
      (names) => (this.#openFileDescriptors = names.length),
      // Only Linux has this folder; elsewhere the figure is left out.
      () => (this.#openFileDescriptors = undefined),
    );
  }
}
