import { systemClock, type Clock } from '../clock.js';
import { currentRequest } from '../tracing/request-record.js';
import { BoundedQueue } from './bounded-queue.js';
import { attributes, nanoseconds, SCOPE, type Attribute, type Resource } from './otlp-encoding.js';

/** A log line as it was written, and what was known when it was. */
export interface WaitingLine {
  line: string;
  spanId: string | undefined;
  observedWallMs: number;
}

/** A line longer than this is not kept; it stays in the log itself. */
const MAX_LINE_LENGTH = 65_536;
const DEFAULT_CAPACITY = 5_000;

/**
 * Takes JSON lines as pino writes them, beside the log's own destination (`pino.multistream`), until an OtlpExporter sends
 * them. It comes behind pino's redaction, so it holds what the log holds and no more. Cost of a line: an entry in a list; it
 * is parsed when it is sent. Lines beyond the capacity are dropped and counted.
 */
export class OtlpLogBuffer extends BoundedQueue<WaitingLine> {
  readonly #clock: Clock;

  constructor(options: { capacity?: number; clock?: Clock } = {}) {
    super(options.capacity ?? DEFAULT_CAPACITY);
    this.#clock = options.clock ?? systemClock;
  }

  write(line: string): void {
    if (line.length > MAX_LINE_LENGTH) this.dropped += 1;
    else this.push({ line, spanId: currentRequest()?.spanId, observedWallMs: this.#clock.wallMs() });
  }
}

/** The body of `POST /v1/logs`. */
export function logsRequest(lines: readonly WaitingLine[], resource: Resource): object {
  return { resourceLogs: [{ resource, scopeLogs: [{ scope: SCOPE, logRecords: lines.map(logRecord) }] }] };
}

/** Pino's levels, and OpenTelemetry's numbers for them. */
const SEVERITIES: readonly [level: number, number: number, text: string][] = [
  [60, 21, 'FATAL'],
  [50, 17, 'ERROR'],
  [40, 13, 'WARN'],
  [30, 9, 'INFO'],
  [20, 5, 'DEBUG'],
  [0, 1, 'TRACE'],
];

const TRACE_ID = /^[0-9a-f]{32}$/;

function logRecord({ line, spanId, observedWallMs }: WaitingLine): object {
  const { level, time, msg, traceId, correlationId, err, pid, hostname, ...fields } = parsed(line);
  const severity = SEVERITIES.find(([least]) => typeof level === 'number' && level >= least);
  const atMs = typeof time === 'number' ? time : Date.parse(String(time));
  const traced = typeof traceId === 'string' && TRACE_ID.test(traceId);
  return {
    timeUnixNano: nanoseconds(Number.isFinite(atMs) ? atMs : observedWallMs),
    observedTimeUnixNano: nanoseconds(observedWallMs),
    ...(severity === undefined ? {} : { severityNumber: severity[1], severityText: severity[2] }),
    body: { stringValue: typeof msg === 'string' ? msg : '' },
    attributes: [
      ...attributes({ 'dunlin.correlation_id': correlationId, 'process.pid': pid, 'host.name': hostname }),
      ...exceptionOf(err),
      ...attributes(fields),
    ],
    ...(traced ? { traceId, ...(spanId === undefined ? {} : { spanId }), flags: 1 } : {}),
  };
}

function parsed(line: string): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(line);
    if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>;
  } catch {
    // Not JSON: a library wrote past the logger. The line itself is then what it says.
  }
  return { msg: line.trimEnd() };
}

/** Pino's form of an error by the names that OpenTelemetry has for one. */
function exceptionOf(err: unknown): Attribute[] {
  if (typeof err !== 'object' || err === null) return [];
  const { type, message, stack, ...rest } = err as Record<string, unknown>;
  return attributes({
    'exception.type': type,
    'exception.message': message,
    'exception.stacktrace': stack,
    ...(Object.keys(rest).length === 0 ? {} : { err: rest }),
  });
}
