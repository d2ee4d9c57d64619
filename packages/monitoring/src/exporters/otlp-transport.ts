import { outgoing } from '../outgoing.js';
import { encodeProtobuf } from './otlp-protobuf.js';

export type OtlpSignal = 'traces' | 'metrics' | 'logs';
export type OtlpProtocol = 'http/json' | 'http/protobuf';

/** What became of one export request. */
export type PostOutcome =
  /** Taken over, but for so many records that the collector would not have. */
  | { kind: 'taken'; rejected: number }
  /** The collector will not have it however often it is sent. */
  | { kind: 'refused'; reason: string }
  | { kind: 'away'; reason: string; retryAfterMs: number | undefined };

/** The answers after which OTLP wants a request to be sent again. */
const TRY_AGAIN = new Set([429, 502, 503, 504]);
const MAX_RETRY_AFTER_MS = 300_000;

export interface OtlpTransportOptions {
  endpoint: string;
  headers: Readonly<Record<string, string>>;
  protocol: OtlpProtocol;
}

/** Posts export requests to a collector. Reasons hold a status or a code, never the address or a header: both may be secrets. */
export class OtlpTransport {
  readonly #root: URL;
  readonly #options: OtlpTransportOptions;

  constructor(options: OtlpTransportOptions) {
    this.#options = options;
    if (!URL.canParse(options.endpoint)) throw new TypeError('the OTLP endpoint is no URL');
    this.#root = new URL(options.endpoint);
    if (!['http:', 'https:'].includes(this.#root.protocol))
      throw new TypeError('the OTLP endpoint must begin with http:// or https://');
  }

  async post(signal: OtlpSignal, document: object, timeoutMs: number): Promise<PostOutcome> {
    const { protocol, headers } = this.#options;
    const url = new URL(`${this.#root.pathname.replace(/\/$/, '')}/v1/${signal}`, this.#root);
    const { target, headers: basic } = outgoing(url);
    const binary = protocol === 'http/protobuf';
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': binary ? 'application/x-protobuf' : 'application/json', ...basic, ...headers },
        body: binary ? encodeProtobuf(signal, document) : JSON.stringify(document),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
      const answer = Buffer.from(await response.arrayBuffer());
      if (response.ok)
        return { kind: 'taken', rejected: rejectedOf(answer, response.headers.get('content-type') ?? '') };
      const reason = `the collector answered ${response.status}`;
      if (!TRY_AGAIN.has(response.status)) return { kind: 'refused', reason };
      return { kind: 'away', reason, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) };
    } catch (error) {
      const code = (error as { cause?: { code?: unknown } }).cause?.code;
      const timedOut = error instanceof Error && error.name === 'TimeoutError';
      const reason = timedOut ? 'timed out' : typeof code === 'string' ? code : 'the connection failed';
      return { kind: 'away', reason, retryAfterMs: undefined };
    }
  }
}

/** A wait in seconds; a date is not honoured, the usual pauses serve. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || !/^\d{1,6}$/.test(header)) return undefined;
  return Math.min(MAX_RETRY_AFTER_MS, Number(header) * 1000);
}

/** How many records the answer's `partial_success` says were rejected; 0 for an answer that cannot be read. */
function rejectedOf(answer: Buffer, contentType: string): number {
  if (contentType.includes('json')) {
    try {
      const { partialSuccess = {} } = JSON.parse(answer.toString('utf8')) as {
        partialSuccess?: Record<string, unknown>;
      };
      const { rejectedSpans, rejectedDataPoints, rejectedLogRecords } = partialSuccess;
      return Number(rejectedSpans ?? rejectedDataPoints ?? rejectedLogRecords ?? 0);
    } catch {
      // What was sent was taken; an answer that is no JSON only cannot say how much of it.
      return 0;
    }
  }
  // Field 1 is a message, and of that field 1 the number, as a varint; both come first where they are there at all.
  if (answer[0] !== 0x0a || answer[2] !== 0x08) return 0;
  let [value, shift] = [0, 0];
  for (let place = 3; place < answer.length; place += 1) {
    value += (answer[place]! & 127) * 2 ** shift;
    if (answer[place]! < 128) break;
    shift += 7;
  }
  return value;
}
