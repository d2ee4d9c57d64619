import type { WorkerHandle } from './worker-handle.js';
import type { MetricsPart, WorkerNews } from './worker-messages.js';

interface Round {
  readonly missing: Map<WorkerHandle, number>;
  readonly parts: MetricsPart[];
  readonly finish: () => void;
}

/** A worker that does not tell within this (it may just be ending) is left out of the answer. */
const PATIENCE_MS = 1_000;

/** Asks all workers what they would say to a scrape that one of them was given, and hands it what they told. */
export class MetricsExchange {
  private readonly rounds = new Map<number, Round>();
  private begun = 0;

  constructor(
    private readonly serving: () => { place: number; worker: WorkerHandle }[],
    private readonly clock: { schedule(callback: () => void, delayMs: number): () => void },
  ) {}

  /** To be called with whatever a worker tells. */
  take(worker: WorkerHandle, news: WorkerNews): void {
    if (news.kind === 'scraped') this.begin(worker, news.scrape, news.openMetrics);
    else if (news.kind === 'metrics') this.enter(worker, news.round, news.text);
  }

  private begin(asker: WorkerHandle, scrape: number, openMetrics: boolean): void {
    const round = (this.begun += 1);
    const missing = new Map(
      this.serving()
        .filter(({ worker }) => worker !== asker)
        .map(({ place, worker }) => [worker, place]),
    );
    const parts: MetricsPart[] = [];
    const finish = (): void => {
      cancel();
      this.rounds.delete(round);
      asker.tell({ kind: 'metrics-of-others', scrape, parts });
    };
    const cancel = this.clock.schedule(finish, PATIENCE_MS);
    this.rounds.set(round, { missing, parts, finish });
    for (const worker of missing.keys()) worker.tell({ kind: 'tell-metrics', round, openMetrics });
    if (missing.size === 0) finish();
  }

  private enter(worker: WorkerHandle, id: number, text: string): void {
    const round = this.rounds.get(id);
    const place = round?.missing.get(worker);
    if (round === undefined || place === undefined) return;
    round.missing.delete(worker);
    round.parts.push({ place, text });
    if (round.missing.size === 0) round.finish();
  }
}
