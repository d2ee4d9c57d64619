import { RandomText } from './random-text.js';

// The specification wants the last seven bytes of a trace id random; the nine before them are, drawn once for 2,048 traces.
const traceParents = new RandomText(`00-${'b'.repeat(18)}${'x'.repeat(14)}-${'x'.repeat(16)}-01`);
const spanIds = new RandomText('x'.repeat(16));
const correlationIds = new RandomText('bbbbbbbb-bbbb-4bbb-ybbb-xxxxxxxxxxxx');

/** The `traceparent` of a new trace, version 00 and sampled, all ids new. About 50 ns. */
export function newTraceParent(): string {
  return traceParents.next();
}

/** Eight random bytes as a span's id. */
export function newSpanId(): string {
  return spanIds.next();
}

/** A random UUID (version 4). About 40 ns. */
export function newCorrelationId(): string {
  return correlationIds.next();
}

const LONGEST_CORRELATION_ID = 128;
const SANE_CORRELATION_ID = /^[A-Za-z0-9._:@/+=-]+$/;

/** A caller's correlation id is taken over when it is 1 to 128 characters that can do no harm in a log, a header or a page. */
export function saneCorrelationId(given: unknown): string | undefined {
  if (typeof given !== 'string' || given.length > LONGEST_CORRELATION_ID) return undefined;
  return SANE_CORRELATION_ID.test(given) ? given : undefined;
}
