/** What the worker is asked to do: everybody pays and looks, for so long. */
export interface WatchRequest {
  readonly do: 'watch';
  readonly forMs: number;
}

export interface WatchSettings {
  /** Payments go through the first instance; it and the second are asked for the balance. */
  readonly urls: readonly [string, string];
  readonly people: readonly { readonly token: string; readonly receiverId: string }[];
}

/** What was seen. A read is judged when a payment of that person was acknowledged before the read began. */
export interface WatchReport {
  readonly payments: number;
  /** Reads of the balance at the second instance that began as the first thing after an acknowledgement, and how many showed an older balance. */
  readonly firstReads: number;
  readonly staleFirstReads: number;
  /** All reads that were judged, those included. */
  readonly reads: number;
  readonly staleReads: number;
  /** Requests that were answered with neither 200 nor 201, or not within five seconds. */
  readonly failed: number;
  readonly longestMs: number;
}
