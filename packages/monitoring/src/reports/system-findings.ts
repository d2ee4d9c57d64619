import type { Evidence } from './evidence.js';
import { SETTLED_SAMPLES, type Finding } from './finding.js';

const LATE_MS = 100;
const HEAP_FULL = 0.9;

/** CPU, memory and the event loop. */
export function systemFindings({ metrics, thresholds }: Evidence): Finding[] {
  const { cpuUsage, memoryUsage, eventLoop, heap, samples } = metrics.systemResources;
  const findings: Finding[] = [];
  // A process that has just begun is busy with beginning.
  const settled = samples >= SETTLED_SAMPLES;
  if (settled && cpuUsage > thresholds.cpuUsagePercent) {
    findings.push({
      severity: 'high',
      area: 'cpu',
      title: `The process uses ${cpuUsage.toFixed(0)} % of its CPU`,
      evidence: { cpuUsage, threshold: thresholds.cpuUsagePercent },
      action: 'Start another instance, or take a CPU profile of this one.',
      costMsPerMinute: 0,
    });
  }
  if (memoryUsage.percentage > thresholds.memoryUsagePercent) {
    findings.push({
      severity: 'high',
      area: 'memory',
      title: `Memory stands at ${memoryUsage.percentage.toFixed(0)} % of its limit`,
      evidence: { ...memoryUsage, threshold: thresholds.memoryUsagePercent },
      action: 'Raise the limit, or lower the in-process cache; compare two heap snapshots if it keeps growing.',
      costMsPerMinute: 0,
    });
  }
  if (heap.used > HEAP_FULL * heap.limit) {
    findings.push({
      severity: 'critical',
      area: 'memory',
      title: `The heap is nearly full: ${((100 * heap.used) / heap.limit).toFixed(0)} %`,
      evidence: { ...heap },
      action: 'Raise --max-old-space-size, and compare two heap snapshots.',
      costMsPerMinute: 0,
    });
  }
  if (settled && eventLoop.delayP99Ms > LATE_MS) {
    findings.push({
      severity: 'high',
      area: 'event_loop',
      title: `The event loop is late by ${eventLoop.delayP99Ms.toFixed(0)} ms at P99`,
      evidence: { ...eventLoop },
      action: 'Find the synchronous work with a CPU profile; one event loop uses one core.',
      costMsPerMinute: 0,
    });
  }
  return findings;
}
