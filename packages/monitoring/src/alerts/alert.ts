import type { QueryFigures } from '../sources/database-recorder.js';
import type { ChangeMarker } from './change-marker.js';

/** How far past its threshold a value is; see `severityOf`. */
export type Severity = 'low' | 'medium' | 'high' | 'critical';

export const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

export type BuiltInAlertType =
  'response_time' | 'error_rate' | 'cpu_usage' | 'memory_usage' | 'cache_hit_rate' | 'slow_query';
export type AlertType = BuiltInAlertType | `rule:${string}`;

/** A request that shows what an alert means, found again by its correlation id. */
export interface Exemplar {
  correlationId: string;
  traceId: string;
  endpoint: string;
  durationMs: number;
  statusCode: number;
  at: string;
}

/** What was going on when an alert fired, or became worse. */
export interface AlertEvidence {
  /** The statement that the requests of the alert spent the most time in, or the slowest one, with its plan where there is one. */
  worstQuery?: QueryFigures & { plan?: string };
  /** Deployments, thresholds, rules and mutes of the half hour before, newest first. */
  changes?: ChangeMarker[];
}

/** What the people at the other end are told, and once each. */
export type AnnouncementKind = 'firing' | 'worsened' | 'resolved' | 'repeated';

/** An alert as people see it. Times are ISO 8601. */
export interface Alert {
  id: string;
  type: AlertType;
  severity: Severity;
  state: 'pending' | 'firing' | 'resolved';
  message: string;
  value: number;
  threshold: number;
  startedAt: string;
  /** When it went from pending to firing. */
  firedAt?: string;
  resolvedAt?: string;
  /** The person who resolved it, or `system` when the value came back. */
  resolvedBy?: string;
  acknowledgedAt?: string;
  acknowledgedBy?: string;
  /** A mute holds it back: it is recorded and shown, but nobody is told. */
  muted?: boolean;
  /** The instances that see the cause at this time. */
  instances: string[];
  exemplars?: Exemplar[];
  /** What else was going on when it fired: the worst statement, recent deployments and edits. */
  evidence?: AlertEvidence;
}
