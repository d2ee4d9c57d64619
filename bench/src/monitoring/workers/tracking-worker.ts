import type { AddressInfo } from 'node:net';
import { serveWorker } from '../../harness/serve-worker.js';
import { expressServers } from './express-servers.js';
import { fastifyServers } from './fastify-servers.js';

const servers = { ...fastifyServers, ...expressServers };

export type TrackedKind = keyof typeof servers;

export interface TrackingSettings {
  readonly kind: TrackedKind;
}

export type TrackingQuestion =
  | { readonly do: 'port' }
  /** Microseconds of CPU time that this process has used. */
  | { readonly do: 'cpu' }
  /** Requests that were seen by what watches; undefined where nothing does. */
  | { readonly do: 'seen' };

serveWorker<TrackingSettings, TrackingQuestion>(async ({ kind }) => {
  const { server, seen, close } = await servers[kind]();
  return {
    async answer(question) {
      if (question.do === 'port') return (server.address() as AddressInfo).port;
      if (question.do === 'seen') return (await seen?.()) ?? null;
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    close,
  };
});
