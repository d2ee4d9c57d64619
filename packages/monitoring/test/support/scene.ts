import type { ManualClock } from '@dunlin/testkit';
import {
  listenerChannel,
  PerformanceMonitoringService,
  type MonitoringOptions,
  type Notification,
} from '../../src/index.js';

export const INTERVAL_MS = 30_000;

/** A monitor that is judged only when the test says so, and what its channel was told. */
export interface Instance {
  monitor: PerformanceMonitoringService;
  told: Notification[];
}

export function instance(clock: ManualClock, instanceId: string, options: MonitoringOptions = {}): Instance {
  const told: Notification[] = [];
  const monitor = new PerformanceMonitoringService({
    clock,
    instanceId,
    judgeIntervalMs: INTERVAL_MS,
    channels: [listenerChannel((notification) => void told.push(notification))],
    ...options,
  });
  return { monitor, told };
}

/** Twenty requests of one duration: enough for the response-time rule to look. */
export function requests(monitor: PerformanceMonitoringService, durationMs: number, count = 20): void {
  for (let i = 0; i < count; i += 1) {
    monitor.recordRequest({ method: 'GET', route: '/slow', statusCode: 200, durationMs });
  }
}

/** Lets an interval pass and judges. What was recorded more than a minute ago is forgotten on the way. */
export async function interval(clock: ManualClock, ...instances: Instance[]): Promise<void> {
  await clock.advance(INTERVAL_MS);
  for (const { monitor } of instances) await monitor.judgeNow();
}

const PATIENCE_MS = 30_000;

/** Waits for work that a manual clock does not move: channel queues and the writes after them. Patient, for a busy machine may stand still. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let i = 0; i < 400 || performance.now() < deadline; i += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`);
}
