import type { Server } from 'node:http';

/** A server that answers one address, and how many requests whoever watches it has seen. */
export interface TrackedServer {
  readonly server: Server;
  /** Undefined for a bare one. */
  seen?(): number | Promise<number>;
  close(): Promise<void>;
}

/** What every handler answers. */
export const answer = { hello: 'world' };

/** The two headers that ours sends with every answer, of the same length. */
export const headers = {
  'x-correlation-id': '0af76519-16cd-43dd-8448-eb211c80319c',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
