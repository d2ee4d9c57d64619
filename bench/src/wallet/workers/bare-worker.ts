import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import pg from 'pg';
import { serveWorker } from '../../harness/serve-worker.js';

export interface BareSettings {
  /** A constant answer, or what one row of an account says. */
  readonly kind: 'constant' | 'account row';
  readonly databaseUrl: string;
  readonly userIds: readonly string[];
}

export const barePath = '/balance';
/** As `npm start` has it. */
const poolSize = 10;

/** 200 bytes, as a balance has them. */
const constant = {
  userId: '019e671c-f9f1-7aac-8b6e-0b90e6717c3a',
  currency: 'EUR',
  available: '123456',
  offline: '0',
  pending: '0',
  total: '123456',
  version: 12,
  asOf: '2026-01-31T12:00:00.000Z',
};

/** Bare Fastify: no authentication, no tracing, no figures, no schema. Replies with its port. */
serveWorker<BareSettings, { readonly do: 'port' }>(async ({ kind, databaseUrl, userIds }) => {
  const app = fastify();
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize });
  let at = 0;
  if (kind === 'constant') app.get(barePath, async () => constant);
  else {
    app.get(barePath, async () => {
      at += 1;
      const { rows } = await pool.query<{ balance: string; version: string }>({
        name: 'account',
        text: 'select balance, held, version, currency from accounts where id = $1',
        values: [userIds[at % userIds.length]],
      });
      return { ...constant, available: rows[0]?.balance, version: Number(rows[0]?.version) };
    });
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  return {
    answer: async () => port,
    close: async () => {
      await app.close();
      await pool.end();
    },
  };
});
