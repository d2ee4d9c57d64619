import { setTimeout as delay } from 'node:timers/promises';

// What Node.js itself opens and keeps (the worker's pipes) is in the first count already; these come and go by themselves.
const PASSING = new Set(['Immediate', 'FSReqCallback', 'FSReqPromise', 'GetAddrInfoReqWrap', 'TickObject']);

/**
 * Remembers which sockets, timers and processes are open now; the function it returns throws, naming them, when more
 * are open later. It gives closing ones up to `patienceMs` (10 s) to go. Unreferenced timers do not count.
 */
export function leakCheck(): (patienceMs?: number) => Promise<void> {
  const before = openResources();
  return async (patienceMs = 10_000) => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const left = [...openResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
      if (left.length === 0) return;
      if (performance.now() > deadline) {
        const named = left.map(([kind, count]) => `${kind}: ${before.get(kind) ?? 0} before, ${count} now`);
        throw new Error(`Left open: ${named.join('; ')}`);
      }
      await delay(20);
    }
  };
}

function openResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!PASSING.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
