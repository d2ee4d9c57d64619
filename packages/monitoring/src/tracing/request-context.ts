import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Carries the request through everything that its handler starts. Below Node.js 24 that is not free: AsyncLocalStorage
 * then hooks into every promise and every tick of the process, about a microsecond a request, whether somebody looks or not.
 * So it runs as long as it might be wanted and rests when it is not:
 *
 * - *waiting*: every request is carried; nobody has asked for one yet.
 * - *resting*: so many requests came and nobody asked. Only the synchronous part of a handler still knows its request.
 * - *wanted*: somebody asked, by `currentRequest` or `logFields` or by a statement that was recorded. Every request is
 *   carried, for good.
 *
 * The price: the very first question of a process that has already rested, asked behind an `await`, gets no answer.
 * Whoever cannot bear that asks once at the start.
 */
export class RequestContext<Carried extends object> {
  readonly #storage = new AsyncLocalStorage<Carried | undefined>();
  readonly #restsAfter: number;
  #state: 'waiting' | 'resting' | 'wanted' = 'waiting';
  #unasked = 0;
  /** While resting: the request whose synchronous part is running. */
  #synchronous: Carried | undefined;

  /** `restsAfter`: so many requests without a question end the carrying. */
  constructor(restsAfter: number) {
    this.#restsAfter = restsAfter;
  }

  run<Answer>(record: Carried, work: () => Answer): Answer {
    if (this.#state === 'resting') return this.#runSynchronously(record, work);
    if (this.#state === 'waiting') {
      this.#unasked += 1;
      if (this.#unasked > this.#restsAfter) {
        this.#state = 'resting';
        this.#storage.disable();
        return this.#runSynchronously(record, work);
      }
    }
    return this.#storage.run(record, work);
  }

  /** The request that the running code works for. */
  current(): Carried | undefined {
    if (this.#state !== 'wanted') this.#begin();
    return this.#storage.getStore();
  }

  #begin(): void {
    const wasResting = this.#state === 'resting';
    this.#state = 'wanted';
    // Asked in the synchronous part: what this request starts from here on is carried as well.
    if (wasResting && this.#synchronous !== undefined) this.#storage.enterWith(this.#synchronous);
  }

  #runSynchronously<Answer>(record: Carried, work: () => Answer): Answer {
    const outer = this.#synchronous;
    this.#synchronous = record;
    try {
      return work();
    } finally {
      this.#synchronous = outer;
      // A question in `work` entered the storage; what runs after it in the same turn is not the request's.
      if (this.#state === 'wanted') this.#storage.enterWith(outer);
    }
  }
}
