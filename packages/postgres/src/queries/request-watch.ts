import type { Clock } from '../clock.js';
import type { StatementRecord } from './statement-record.js';

/** A way of using the database that one request shows and that its statements one by one do not. */
export interface RequestFinding {
  /**
   * `repeated_statement`: one request ran the same statement many times (N+1); one statement with a list would do.
   * `nested_connection`: a request asked for a second connection while it held one in a transaction; when as many
   * requests do so at once as there are connections, each waits for the others.
   */
  readonly kind: 'repeated_statement' | 'nested_connection';
  readonly endpoint: string | undefined;
  readonly fingerprint: string | undefined;
  readonly query: string | undefined;
  /** Requests that showed it since the start. */
  readonly requests: number;
  /** Most executions within one request. */
  readonly mostRepeats: number;
  /** A recent request to look at. */
  readonly correlationId: string;
  readonly lastSeenAt: string;
}

interface RequestRecord {
  endpoint: string | undefined;
  holding: number;
  readonly repeats: Map<StatementRecord, number>;
}

type OpenFinding = { -readonly [Key in keyof RequestFinding]: RequestFinding[Key] };

const MOST_REQUESTS = 2_000;
const MOST_STATEMENTS_A_REQUEST = 64;
const MOST_FINDINGS = 200;
/** From so many executions of one statement in one request on, it is called repeated. */
const REPEATED_FROM = 10;

/**
 * Follows requests by their correlation id. Only the last 2,000 are remembered, and nobody has to say when a request
 * is over: an old one makes room.
 */
export class RequestWatch {
  readonly #clock: Clock;
  readonly #requests = new Map<string, RequestRecord>();
  readonly #findings = new Map<string, OpenFinding>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes one execution on behalf of a request. */
  note(correlationId: string, endpoint: string | undefined, record: StatementRecord): void {
    const request = this.#request(correlationId);
    request.endpoint = endpoint ?? request.endpoint;
    const repeats = (request.repeats.get(record) ?? 0) + 1;
    if (repeats === 1 && request.repeats.size >= MOST_STATEMENTS_A_REQUEST) return;
    request.repeats.set(record, repeats);
    // BEGIN and COMMIT come as often as transactions do, and no list replaces them.
    if (repeats < REPEATED_FROM || TRANSACTION_CONTROL.test(record.query)) return;
    const finding = this.#finding('repeated_statement', request.endpoint, record, correlationId);
    if (repeats === REPEATED_FROM && finding !== undefined) finding.requests += 1;
    if (finding !== undefined) finding.mostRepeats = Math.max(finding.mostRepeats, repeats);
  }

  /** Notes that a request asks for a connection outside the transaction that it may be in. */
  claim(correlationId: string): void {
    const request = this.#requests.get(correlationId);
    if (request === undefined || request.holding === 0) return;
    const finding = this.#finding('nested_connection', request.endpoint, undefined, correlationId);
    if (finding !== undefined) finding.requests += 1;
  }

  /** Runs work during which the request holds a connection. */
  async holding<T>(correlationId: string, work: () => Promise<T>): Promise<T> {
    this.claim(correlationId);
    const request = this.#request(correlationId);
    request.holding += 1;
    try {
      return await work();
    } finally {
      request.holding -= 1;
    }
  }

  /** What was found since the start, most requests first; at most 200 of them. */
  findings(): RequestFinding[] {
    return [...this.#findings.values()].sort((a, b) => b.requests - a.requests).map((finding) => ({ ...finding }));
  }

  #request(correlationId: string): RequestRecord {
    let request = this.#requests.get(correlationId);
    if (request !== undefined) return request;
    if (this.#requests.size >= MOST_REQUESTS) {
      for (const oldest of this.#requests.keys()) {
        this.#requests.delete(oldest);
        break;
      }
    }
    request = { endpoint: undefined, holding: 0, repeats: new Map() };
    this.#requests.set(correlationId, request);
    return request;
  }

  #finding(
    kind: RequestFinding['kind'],
    endpoint: string | undefined,
    record: StatementRecord | undefined,
    correlationId: string,
  ): OpenFinding | undefined {
    const key = `${kind} ${endpoint ?? ''} ${record?.fingerprint ?? ''}`;
    let finding = this.#findings.get(key);
    if (finding === undefined) {
      if (this.#findings.size >= MOST_FINDINGS) return undefined;
      const about = { fingerprint: record?.fingerprint, query: record?.query };
      finding = { kind, endpoint, ...about, requests: 0, mostRepeats: 0, correlationId, lastSeenAt: '' };
      this.#findings.set(key, finding);
    }
    finding.correlationId = correlationId;
    finding.lastSeenAt = new Date(this.#clock.wallMs()).toISOString();
    return finding;
  }
}

const TRANSACTION_CONTROL = /^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b/i;
