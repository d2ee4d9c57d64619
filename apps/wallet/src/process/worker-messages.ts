/** What the process that looks after the workers tells one of them. */
export type WorkerOrder =
  | {
      readonly kind: 'start';
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
  | { readonly kind: 'stop' };

/** What a worker tells in return. */
export type WorkerNews =
  /** It can hear: what is sent before a module of its program has run is lost. */
  | { readonly kind: 'here' }
  | { readonly kind: 'listening'; readonly announcement: readonly string[] }
  /** It could not start, and ends. `reason` is for whoever started the wallet. */
  | { readonly kind: 'failed'; readonly reason: string };
