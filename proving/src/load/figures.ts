import { LatencySketch } from '@dunlin/monitoring';

/** How one request ended. Only right answers enter the latencies: a fast refusal must not make a service look fast. */
export type Ending =
  | { readonly kind: 'right' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'wrong'; readonly why: string };

export interface Measured {
  readonly route: string;
  /** By one monotonic clock: when the request was due, when it was sent, when it had ended. */
  readonly dueMs: number;
  readonly sentMs: number;
  readonly endedMs: number;
  readonly ending: Ending;
}

/** One stretch of the timeline; it holds what was *due* in it. */
export interface Slot {
  readonly corrected: LatencySketch;
  failed: number;
  unsent: number;
}

interface RouteFigures {
  /** From when it was due. */
  readonly corrected: LatencySketch;
  /** From when it was sent: what a closed loop would have called its latency. */
  readonly service: LatencySketch;
  failed: number;
}

/** Sent so much after it was due, a request counts as late: the generator, or its bound of requests under way, held it up. */
export const lateAfterMs = 20;
const mostSlots = 600;
const mostReasons = 30;

/** Collects what a run measures, with bounded memory however long it lasts. */
export class Figures {
  readonly startedMs: number;
  readonly slotSeconds: number;
  readonly all: RouteFigures = newRoute();
  readonly routes = new Map<string, RouteFigures>();
  readonly slots: Slot[] = [];
  /** Why requests failed, and how often. Beyond thirty reasons the rest is counted together. */
  readonly reasons = new Map<string, number>();
  sent = 0;
  late = 0;
  unsent = 0;
  wrong = 0;

  /** A long run gets longer slots, so that there are at most six hundred. */
  constructor(startedMs: number, durationSeconds: number) {
    this.startedMs = startedMs;
    this.slotSeconds = Math.max(1, Math.ceil(durationSeconds / mostSlots));
  }

  get arrivals(): number {
    return this.sent + this.unsent;
  }

  /** What was sent and came to no right answer, and what could not be sent. */
  get errors(): number {
    return this.all.failed + this.unsent;
  }

  get errorPercent(): number {
    return this.arrivals === 0 ? 0 : (this.errors / this.arrivals) * 100;
  }

  add({ route, dueMs, sentMs, endedMs, ending }: Measured): void {
    this.sent += 1;
    if (sentMs - dueMs > lateAfterMs) this.late += 1;
    const figures = this.#route(route);
    const slot = this.#slot(dueMs);
    if (ending.kind === 'right') {
      for (const one of [this.all, figures]) {
        one.corrected.record(endedMs - dueMs);
        one.service.record(endedMs - sentMs);
      }
      slot.corrected.record(endedMs - dueMs);
      return;
    }
    if (ending.kind === 'wrong') this.wrong += 1;
    this.all.failed += 1;
    figures.failed += 1;
    slot.failed += 1;
    this.#reason(`${route}: ${ending.why}`);
  }

  addUnsent(dueMs: number): void {
    this.unsent += 1;
    this.#slot(dueMs).unsent += 1;
  }

  #route(name: string): RouteFigures {
    const known = this.routes.get(name) ?? newRoute();
    this.routes.set(name, known);
    return known;
  }

  #slot(dueMs: number): Slot {
    const at = Math.max(0, Math.floor((dueMs - this.startedMs) / 1_000 / this.slotSeconds));
    while (this.slots.length <= at) this.slots.push({ corrected: new LatencySketch(), failed: 0, unsent: 0 });
    return this.slots[at] as Slot;
  }

  #reason(why: string): void {
    const name = this.reasons.has(why) || this.reasons.size < mostReasons ? why : 'other reasons';
    this.reasons.set(name, (this.reasons.get(name) ?? 0) + 1);
  }
}

function newRoute(): RouteFigures {
  return { corrected: new LatencySketch(), service: new LatencySketch(), failed: 0 };
}
