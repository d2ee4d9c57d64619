/** What the process that looks after the workers tells one of them. */
export type WorkerOrder =
  | {
      readonly kind: 'start';
      /** Its place in the fleet, which a worker that follows it takes over. From 1 on. */
      readonly place: number;
      /** With the login. */
      readonly databaseUrl: string;
      /** Connections of its pool. */
      readonly poolSize: number;
      /** Another worker has seen to the operator. */
      readonly operatorIsThere: boolean;
    }
  /** Another one is ready in its place: let the open connections go, then end. */
  | { readonly kind: 'drain' }
  /** Finish what is running, then end. */
  | { readonly kind: 'stop' }
  /** Another one is scraped, and wants what this one would say. */
  | { readonly kind: 'tell-metrics'; readonly round: number; readonly openMetrics: boolean }
  /** What the others would say to the scrape `scrape`, as far as they told in time. */
  | { readonly kind: 'metrics-of-others'; readonly scrape: number; readonly parts: readonly MetricsPart[] };

/** What one worker would say to a scrape. */
export interface MetricsPart {
  readonly place: number;
  readonly text: string;
}

/** What a worker tells in return. */
export type WorkerNews =
  /** It can hear: what is sent before a module of its program has run is lost. */
  | { readonly kind: 'here' }
  | { readonly kind: 'listening'; readonly announcement: readonly string[] }
  /** It could not start, and ends. `reason` is for whoever started the wallet. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** It is scraped, and wants what the others would say. */
  | { readonly kind: 'scraped'; readonly scrape: number; readonly openMetrics: boolean }
  | { readonly kind: 'metrics'; readonly round: number; readonly text: string };
