import type { IncomingMessage, ServerResponse } from 'node:http';
import { RequestRecord } from '../tracing/request-record.js';
import { readPropagation } from './propagation.js';

const RECORD = Symbol('dunlin.request');

/** A response whose request is being tracked. */
export interface TrackedResponse extends ServerResponse {
  [RECORD]?: TrackedRequest;
}

/**
 * How far a request is: *ahead* while it is only prepared for a middleware that it has not reached and may never reach,
 * *running*, and *ended*.
 */
export type RequestStage = 'ahead' | 'running' | 'ended';

/** The record of a request together with what its tracker has to remember until it ends. */
export class TrackedRequest extends RequestRecord {
  stage: RequestStage = 'ahead';
  /** Bytes that had gone over the socket before this answer; negative while its announced length is what counts. */
  sentBefore = -1;
  /** The record of another tracker on the same response, which began earlier. */
  outer: TrackedRequest | undefined;

  constructor(
    request: IncomingMessage,
    /** Which tracker this record belongs to: two monitors may watch the same server. */
    readonly tracker: object,
    method: string,
    startedMs: number,
    startedWallMs: number,
  ) {
    const { correlationId, parent, tracestate } = readPropagation(request);
    super(method, correlationId, parent, startedMs, startedWallMs);
    this.tracestate = tracestate;
    this.outer = undefined;
  }
}

/** Puts a record on its response, before that of another tracker if there is one. */
export function attach(response: ServerResponse, record: TrackedRequest): void {
  const tracked = response as TrackedResponse;
  record.outer = tracked[RECORD];
  tracked[RECORD] = record;
}

/** The record that one tracker has put on a response. */
export function attachedBy(tracker: object, response: ServerResponse): TrackedRequest | undefined {
  let record = (response as TrackedResponse)[RECORD];
  while (record !== undefined && record.tracker !== tracker) record = record.outer;
  return record;
}

/** The record of a request that is, or was, being tracked. */
export function recordOf(response: ServerResponse): RequestRecord | undefined {
  let record = (response as TrackedResponse)[RECORD];
  while (record?.stage === 'ahead') record = record.outer;
  return record;
}
