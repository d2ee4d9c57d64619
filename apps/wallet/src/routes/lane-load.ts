import type { ServerResponse } from 'node:http';
import type { OpenFill } from '@dunlin/cache';
import { fillFresh, sendFresh, type AnswerWanted, type FreshAnswer } from '@dunlin/cache/node-http';
import { runInRequest, type CacheSpan, type RequestRecord } from '@dunlin/monitoring';
import type { FastifyBaseLogger } from 'fastify';
import type { BalanceAsker } from '../queries/balance-reads.js';
import type { UserBalance } from '../queries/balance.js';
import { balanceAnswer } from './answers-ahead.js';
import { asProblem, problemFields } from './error-handler.js';

/** A read past memory, and where its answer goes. */
export interface LaneLoadOptions {
  readonly userId: string;
  readonly record: RequestRecord;
  readonly response: ServerResponse;
  readonly wanted: AnswerWanted;
  readonly why: FreshAnswer['why'];
  readonly fill: OpenFill;
  /** The class of the answer, and what clients are told of keeping it. */
  readonly policy: { readonly className: string; readonly cacheControl: string };
  /** Fields that every answer of the lane carries. */
  readonly fields: string[];
  /** True once the server closes: the connection then ends with the answer. */
  readonly isClosing: () => boolean;
  readonly logger: Pick<FastifyBaseLogger, 'error'>;
}

/** One balance that the fast lane reads from the database: makes the answer of what was found, keeps it and sends it. */
export class LaneLoad implements BalanceAsker {
  readonly userId: string;
  private readonly askedMs = performance.now();

  constructor(private readonly options: LaneLoadOptions) {
    this.userId = options.userId;
  }

  send<Answer>(work: () => Answer): Answer {
    return runInRequest(this.options.record, work);
  }

  found(balance: UserBalance, sender: BalanceAsker): void {
    const { fill, policy, why, response, wanted } = this.options;
    this.noteLoad('miss');
    if (sender instanceof LaneLoad && sender !== this) this.shareStatement(sender.options.record);
    const fresh = fillFresh(fill, balanceAnswer(balance), policy.cacheControl, why);
    // Who has gone is answered by nobody; what was read is kept all the same.
    if (!response.destroyed) sendFresh(fresh, wanted, response, this.fields());
  }

  failed(error: unknown): void {
    const { fill, record, response, why, logger } = this.options;
    fill.fail(error);
    this.noteLoad('error');
    const problem = asProblem(error instanceof Error ? error : new Error(String(error)));
    record.thrown = problem.status >= 500;
    record.errorName = (error as { code?: string }).code ?? (error as Error).name;
    if (problem.status >= 500)
      this.send(() => logger.error({ err: error as Error, code: problem.code }, problem.message));
    if (response.destroyed) return;
    const body = JSON.stringify(problem.toDocument());
    const own = ['content-length', String(Buffer.byteLength(body)), 'cache-status', `dunlin; fwd=${why}`];
    response.writeHead(problem.status, [...problemFields(problem), ...own, ...this.fields()]);
    response.end(body);
  }

  private fields(): readonly string[] {
    const { fields, isClosing } = this.options;
    return isClosing() ? [...fields, 'connection', 'close'] : fields;
  }

  private noteLoad(outcome: 'miss' | 'error'): void {
    const { record, policy } = this.options;
    const durationMs = performance.now() - this.askedMs;
    const span: CacheSpan = {
      operation: 'getOrSet',
      keyClass: policy.className,
      outcome,
      tier: outcome === 'miss' ? 'loader' : 'none',
      startMs: this.askedMs - record.startedMs,
      durationMs,
    };
    record.addCacheCall(span);
  }

  /** The statement that answered was another request's: it is told of here as well, since this one waited for it just so. */
  private shareStatement(sender: RequestRecord): void {
    const { record } = this.options;
    const statement = sender.queries?.at(-1);
    if (statement === undefined) return;
    const startMs = sender.startedMs + statement.startMs - record.startedMs;
    const waitMs = Math.max(0, startMs - (this.askedMs - record.startedMs));
    record.addQuery({ ...statement, startMs: Math.max(0, startMs), waitMs, rows: 1 });
  }
}
