import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from '@dunlin/wallet/demo/http-client';
import { attempt, type Move, type Told } from './move.js';

const pauseMs = 100;

/**
 * Asks again under the same key until the wallet gives its word; undefined when it does not within the time. A statement of a killed
 * wallet may still be running in PostgreSQL: its key is in flight for a moment.
 */
export async function settle(client: () => HttpClient, move: Move, withinMs: number): Promise<Told | undefined> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const outcome = await attempt(client(), move);
    if (outcome.kind !== 'unknown') return outcome.told;
    if (performance.now() > deadline) return undefined;
    await delay(pauseMs);
  }
}
