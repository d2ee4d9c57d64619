import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether this instance wants requests, for whatever spreads them over several. */
export class Readiness {
  #stopping = false;

  /** True from the order to end on. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  /**
   * Says from now on that it wants none, and goes on answering for `noticeMs`: a load balancer looks now and again, and sends requests
   * until it has looked. A server that takes no connections any more, or never did, has nobody to wait for.
   */
  async stop(server: Server, noticeMs: number): Promise<void> {
    this.#stopping = true;
    if (server.listening && noticeMs > 0) await delay(noticeMs);
  }
}
