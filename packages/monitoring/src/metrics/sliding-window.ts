import { BUCKET_COUNT, LatencySketch, OCTAVE_COUNT } from './latency-sketch.js';

/** The windows that can be asked for, in seconds. */
export type WindowSeconds = 60 | 300 | 3600;

const FINE_SLOT_MS = 5_000;
const FINE_SLOTS = 13;
const FINE_PER_MID = 6;
const MID_SLOTS = 11;
const MID_PER_COARSE = 10;
const COARSE_SLOTS = 13;

/** Some seconds that are over. Its sketch is encoded; what is undefined was empty. */
export interface ClosedSlot {
  readonly startMs: number;
  readonly endMs: number;
  readonly sketch: Uint8Array | undefined;
  readonly counters: Float64Array | undefined;
}

/** What one window holds. The reading belongs to the caller and is overwritten by the next `read` into it. */
export class WindowReading {
  readonly sketch = new LatencySketch();
  readonly counters: Float64Array;
  /** From the start of the oldest slot that was counted to now, at least a second: divide by it to get a rate. */
  coveredMs = 0;

  constructor(counterCount: number) {
    this.counters = new Float64Array(counterCount);
  }
}

/**
 * Durations and a few counters over the last minute, five minutes and hour, from one structure: an open sketch, closed
 * slots of 5 s, of 30 s (six folded) and of 5 min (ten folded). A closed slot keeps its sketch encoded, so what was not
 * seen takes no room; an endpoint with a usual spread of latencies stays below 40 KB with all three windows.
 * A slot counts while any part of it lies in the window, so a window may be up to one slot wider than its name.
 */
export class SlidingWindow {
  readonly open = new LatencySketch();
  readonly openCounters: Float64Array;
  /** Since the beginning, for cumulative exports: durations by octave, their sum in ms, and the counters. */
  readonly lifetimeOctaves = new Float64Array(OCTAVE_COUNT);
  readonly lifetimeCounters: Float64Array;
  lifetimeSumMs = 0;
  lifetimeCount = 0;
  #openStartMs: number;
  #unfoldedFine = 0;
  #unfoldedMid = 0;
  readonly #fine: ClosedSlot[] = [];
  readonly #mid: ClosedSlot[] = [];
  readonly #coarse: ClosedSlot[] = [];
  /** The counts of all closed slots of the hour together, so that the longest window need not decode them. */
  readonly #hourCounts = new LatencySketch();

  constructor(counterCount: number, nowMs: number) {
    this.openCounters = new Float64Array(counterCount);
    this.lifetimeCounters = new Float64Array(counterCount);
    this.#openStartMs = nowMs;
  }

  /** Closes the open slot when it is 5 s old. Called once a second, and before a read. */
  turn(nowMs: number): void {
    if (nowMs - this.#openStartMs < FINE_SLOT_MS) return;
    this.#fine.push(this.#close(nowMs));
    if (this.#fine.length > FINE_SLOTS) this.#fine.shift();
    this.#unfoldedFine += 1;
    if (this.#unfoldedFine === FINE_PER_MID) {
      this.#mid.push(fold(this.#fine.slice(-FINE_PER_MID), this.openCounters.length));
      if (this.#mid.length > MID_SLOTS) this.#mid.shift();
      this.#unfoldedFine = 0;
      this.#unfoldedMid += 1;
    }
    if (this.#unfoldedMid === MID_PER_COARSE) {
      this.#coarse.push(fold(this.#mid.slice(-MID_PER_COARSE), this.openCounters.length));
      if (this.#coarse.length > COARSE_SLOTS) this.#dropOldestCoarse();
      this.#unfoldedMid = 0;
    }
  }

  /** Merges the slots of the window into `into`; 5 to 20 µs for a busy series. */
  read(window: WindowSeconds, nowMs: number, into: WindowReading): void {
    this.turn(nowMs);
    const cutoffMs = nowMs - window * 1000;
    const isHour = window === 3600;
    into.sketch.clear();
    if (isHour) {
      this.#forgetCoarse(cutoffMs);
      into.sketch.mergeCounts(this.#hourCounts);
    }
    into.sketch.merge(this.open);
    into.counters.set(this.openCounters);
    let startMs = this.#openStartMs;
    for (const slots of this.#levels(window)) {
      for (const slot of slots) {
        if (slot.endMs <= cutoffMs) {
          // Only where nobody turned it for an hour: a short slot that is too old, yet part of the hour's counts.
          if (isHour && slot.sketch !== undefined) into.sketch.removeEncodedCounts(slot.sketch);
          continue;
        }
        startMs = Math.min(startMs, slot.startMs);
        if (slot.sketch !== undefined) absorbSketch(slot.sketch, into.sketch, isHour);
        addCounters(slot.counters, into.counters);
      }
    }
    into.coveredMs = Math.max(1000, nowMs - startMs);
  }

  /** The newest slot of 5 s that is over, into `into`; false when there is none yet. */
  readLast(nowMs: number, into: WindowReading): boolean {
    this.turn(nowMs);
    const slot = this.#fine.at(-1);
    if (slot === undefined) return false;
    into.sketch.clear();
    into.counters.fill(0);
    absorb(slot, into.sketch, into.counters);
    into.coveredMs = slot.endMs - slot.startMs;
    return true;
  }

  /** The last five minutes in order: slots of 30 s, and the newest ones of 5 s. For small charts. */
  recentSlots(nowMs: number): readonly ClosedSlot[] {
    this.turn(nowMs);
    return [...this.#mid, ...(this.#unfoldedFine === 0 ? [] : this.#fine.slice(-this.#unfoldedFine))];
  }

  /** Bytes of everything it holds, typed arrays and encoded slots; the objects around them are not counted. */
  sizeBytes(): number {
    const counters = this.openCounters.byteLength;
    let bytes = 2 * BUCKET_COUNT * 4 + this.lifetimeOctaves.byteLength + 2 * counters;
    for (const slot of [...this.#fine, ...this.#mid, ...this.#coarse]) {
      bytes += (slot.sketch?.byteLength ?? 0) + (slot.counters === undefined ? 0 : counters);
    }
    return bytes;
  }

  #levels(window: WindowSeconds): ClosedSlot[][] {
    if (window === 60) return [this.#fine];
    const unfoldedFine = this.#unfoldedFine === 0 ? [] : this.#fine.slice(-this.#unfoldedFine);
    if (window === 300) return [this.#mid, unfoldedFine];
    const unfoldedMid = this.#unfoldedMid === 0 ? [] : this.#mid.slice(-this.#unfoldedMid);
    return [this.#coarse, unfoldedMid, unfoldedFine];
  }

  /** What has left the hour goes, for no window looks further back. Shorter slots are folded long before they are that old. */
  #forgetCoarse(cutoffMs: number): void {
    while (this.#coarse.length > 0 && this.#coarse[0]!.endMs <= cutoffMs) this.#dropOldestCoarse();
  }

  #dropOldestCoarse(): void {
    const dropped = this.#coarse.shift();
    if (dropped?.sketch !== undefined) this.#hourCounts.removeEncodedCounts(dropped.sketch);
  }

  #close(nowMs: number): ClosedSlot {
    const sketch = this.open.count === 0 ? undefined : this.open.encode();
    const counted = this.openCounters.some((value) => value !== 0);
    const slot = {
      startMs: this.#openStartMs,
      endMs: nowMs,
      sketch,
      counters: counted ? this.openCounters.slice() : undefined,
    };
    this.open.addOctaves(this.lifetimeOctaves);
    this.lifetimeSumMs += this.open.sumMs;
    this.lifetimeCount += this.open.count;
    for (let i = 0; i < this.openCounters.length; i += 1) this.lifetimeCounters[i]! += this.openCounters[i]!;
    if (sketch !== undefined) {
      this.#hourCounts.mergeCounts(this.open);
      this.open.clear();
    }
    if (counted) this.openCounters.fill(0);
    this.#openStartMs = nowMs;
    return slot;
  }
}

function absorb(slot: ClosedSlot, sketch: LatencySketch, counters: Float64Array): void {
  if (slot.sketch !== undefined) sketch.mergeEncoded(slot.sketch);
  addCounters(slot.counters, counters);
}

function absorbSketch(encoded: Uint8Array, sketch: LatencySketch, countsAreThere: boolean): void {
  if (countsAreThere) sketch.mergeEncodedExtremes(encoded);
  else sketch.mergeEncoded(encoded);
}

function addCounters(from: Float64Array | undefined, into: Float64Array): void {
  if (from === undefined) return;
  for (let i = 0; i < into.length; i += 1) into[i]! += from[i]!;
}

function fold(slots: ClosedSlot[], counterCount: number): ClosedSlot {
  const sketch = new LatencySketch();
  const counters = new Float64Array(counterCount);
  for (const slot of slots) absorb(slot, sketch, counters);
  return {
    startMs: slots[0]!.startMs,
    endMs: slots[slots.length - 1]!.endMs,
    sketch: sketch.count === 0 ? undefined : sketch.encode(),
    counters: counters.some((value) => value !== 0) ? counters : undefined,
  };
}
