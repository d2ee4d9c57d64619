import type { IncomingMessage } from 'node:http';
import { newCorrelationId, saneCorrelationId } from '../tracing/identifiers.js';
import { parseTraceParent, type TraceParent } from '../tracing/traceparent.js';
import { parseTraceState } from '../tracing/tracestate.js';

/** What a request brought along for its correlation and its trace. */
export interface Propagation {
  /** The caller's where it is sane, else a new one. */
  correlationId: string;
  parent: TraceParent | undefined;
  tracestate: string | undefined;
}

/**
 * Reads the headers as they came. Node builds the object of all headers when somebody asks for it, which costs a request
 * that nobody asks half a microsecond; here only names of the right length are looked at.
 */
export function readPropagation(request: IncomingMessage): Propagation {
  const raw = request.rawHeaders;
  let correlationId: string | undefined;
  let traceParent: string | undefined;
  let traceStates: string[] | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    switch (name.length) {
      case 10:
        if (name.toLowerCase() === 'tracestate') (traceStates ??= []).push(raw[i + 1]!);
        break;
      case 11:
        // Two of them are no valid one, and a comma is what makes the reader say so.
        if (name.toLowerCase() === 'traceparent') traceParent = joined(traceParent, raw[i + 1]!);
        break;
      case 16:
        if (name.toLowerCase() === 'x-correlation-id') correlationId = joined(correlationId, raw[i + 1]!);
        break;
    }
  }
  const parent = traceParent === undefined ? undefined : parseTraceParent(traceParent);
  return {
    correlationId: (correlationId === undefined ? undefined : saneCorrelationId(correlationId)) ?? newCorrelationId(),
    parent,
    tracestate: parent === undefined || traceStates === undefined ? undefined : parseTraceState(traceStates),
  };
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
