import type { HistoryPoint } from '../history/history-store.js';
import type { Severity } from '../alerts/alert.js';
import type { Finding } from './finding.js';

/** Three hours of points. */
const ENOUGH_POINTS = 36;
/** A growth below this, in points of percent over what was seen, is no trend that anybody has to act on. */
const LEAST_RISE = 5;
/** So many of all pairs of points must rise: a heap that is collected goes up and down, a leak goes up. */
const RISING_SHARE = 0.8;
const HOUR_MS = 3_600_000;

/** Does the memory of a process grow without coming back, and when is it at its limit? `percent` by time, oldest first. */
export interface MemoryTrend {
  percentPerHour: number;
  from: number;
  to: number;
  hours: number;
  hoursLeft: number;
}

/** The median of the slopes between all pairs of points (Theil and Sen), which a few odd points do not move. Pure; at most some ten thousand pairs. */
export function memoryTrend(points: readonly Pick<HistoryPoint, 'atMs' | 'memoryUsage'>[]): MemoryTrend | undefined {
  if (points.length < ENOUGH_POINTS) return undefined;
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i += 1) {
    for (let j = i + 1; j < points.length; j += 1) {
      const spanMs = points[j]!.atMs - points[i]!.atMs;
      if (spanMs > 0) slopes.push((HOUR_MS * (points[j]!.memoryUsage - points[i]!.memoryUsage)) / spanMs);
    }
  }
  const rising = slopes.filter((slope) => slope > 0).length;
  const percentPerHour = slopes.sort((a, b) => a - b)[slopes.length >> 1] ?? 0;
  const [first, last] = [points[0]!, points[points.length - 1]!];
  const hours = (last.atMs - first.atMs) / HOUR_MS;
  if (rising < RISING_SHARE * slopes.length || percentPerHour * hours < LEAST_RISE) return undefined;
  const { memoryUsage: to } = last;
  return { percentPerHour, from: first.memoryUsage, to, hours, hoursLeft: Math.max(0, 100 - to) / percentPerHour };
}

export function memoryTrendFindings(points: readonly HistoryPoint[]): Finding[] {
  const trend = memoryTrend(points);
  if (trend === undefined) return [];
  const { percentPerHour, from, to, hours, hoursLeft } = trend;
  return [
    {
      severity: urgency(hoursLeft),
      area: 'memory',
      title: `Memory has grown from ${from.toFixed(0)} % to ${to.toFixed(0)} % of its limit in ${hours.toFixed(0)} hours and reaches it in ${hoursLeft.toFixed(0)}`,
      evidence: { percentPerHour, from, to, hours, hoursLeft, points: points.length },
      action: 'Compare two heap snapshots an hour apart; until it is mended, restart before it reaches the limit.',
      costMsPerMinute: 0,
    },
  ];
}

function urgency(hoursLeft: number): Severity {
  return hoursLeft <= 6 ? 'critical' : hoursLeft <= 24 ? 'high' : hoursLeft <= 96 ? 'medium' : 'low';
}
