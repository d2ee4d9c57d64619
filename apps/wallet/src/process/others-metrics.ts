import { joinExpositions } from '@dunlin/monitoring';
import type { MetricsPart } from './worker-messages.js';

/** The fleet answers within this, whoever of it does not. */
const PATIENCE_MS = 2_000;

/**
 * A worker's answer to a scrape, which is one for all of them: a scraper is given to whichever worker has its turn, and counters that
 * belonged to another process each time would make no series.
 */
export class OthersMetrics {
  private readonly waiting = new Map<number, (parts: readonly MetricsPart[]) => void>();
  private scrapes = 0;

  /** `ask` asks the fleet what the others say to a scrape. */
  constructor(private readonly ask: (scrape: number, openMetrics: boolean) => void) {}

  /** Own text and the others', each sample labelled with the place of its worker. Who has not told in time is left out. */
  async join(place: number, own: string, openMetrics: boolean): Promise<string> {
    const scrape = (this.scrapes += 1);
    const others = await new Promise<readonly MetricsPart[]>((resolve) => {
      const timer = setTimeout(() => this.answer(scrape, []), PATIENCE_MS);
      this.waiting.set(scrape, (parts) => {
        clearTimeout(timer);
        resolve(parts);
      });
      this.ask(scrape, openMetrics);
    });
    // While a worker is replaced, the one that leaves and the one that came have the same place.
    const parts = [{ place, text: own }, ...others.filter((other) => other.place !== place)];
    parts.sort((a, b) => a.place - b.place);
    return joinExpositions(
      'worker',
      parts.map((part) => ({ name: String(part.place), text: part.text })),
    );
  }

  answer(scrape: number, parts: readonly MetricsPart[]): void {
    this.waiting.get(scrape)?.(parts);
    this.waiting.delete(scrape);
  }
}
