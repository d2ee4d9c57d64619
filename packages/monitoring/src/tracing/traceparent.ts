/** The parts of a `traceparent` header (W3C Trace Context). */
export interface TraceParent {
  traceId: string;
  parentId: string;
  flags: number;
}

const SHAPE = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_PARENT = '0'.repeat(16);

/**
 * Reads a `traceparent` header; undefined when it is absent or invalid, and then a new trace begins. Version 00 has
 * exactly four fields; a higher version may carry more after a dash; version ff and ids of zeros only are invalid.
 * Several headers, which Node joins with a comma, are invalid too.
 */
export function parseTraceParent(header: unknown): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const match = SHAPE.exec(header.trim());
  if (match === null) return undefined;
  const [, version, traceId, parentId, flags, rest] = match;
  if (version === 'ff' || traceId === NO_TRACE || parentId === NO_PARENT) return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  return { traceId: traceId!, parentId: parentId!, flags: Number.parseInt(flags!, 16) };
}

const SAMPLED = 1;

/** The header for the next party: always version 00, and of the flags only "sampled", since the others are not ours to promise. */
export function formatTraceParent(traceId: string, spanId: string, flags: number): string {
  return (flags & SAMPLED) === SAMPLED ? `00-${traceId}-${spanId}-01` : `00-${traceId}-${spanId}-00`;
}
