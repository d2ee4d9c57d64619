import type { StaleNames } from '../coherence/commit-log.js';

/** One message of the bus; without `stale` it is a heartbeat. */
export interface BusMessage {
  readonly from: string;
  readonly number: number;
  readonly stale: StaleNames | undefined;
}

export function encodeBusMessage(message: BusMessage): string {
  const { from, number, stale } = message;
  return JSON.stringify(stale ? { f: from, n: number, k: stale.keys, t: stale.tags } : { f: from, n: number });
}

/** Undefined for what is no message of ours. */
export function decodeBusMessage(raw: string): BusMessage | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { f: from, n: number, k: keys, t: tags } = parsed as Record<string, unknown>;
  if (typeof from !== 'string' || typeof number !== 'number') return undefined;
  if (keys === undefined && tags === undefined) return { from, number, stale: undefined };
  if (!isStrings(keys) || !isStrings(tags)) return undefined;
  return { from, number, stale: { keys, versions: null, tags } };
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
