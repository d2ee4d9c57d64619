import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { PerformanceMonitoringService } from '@dunlin/monitoring';
import { Type } from 'typebox';
import type { LedgerHealthReader } from '../queries/ledger-health.js';
import type { Authenticate } from './authentication.js';
import { bearer, closed, problems } from './schemas.js';

export interface LedgerHealthRoutesOptions {
  authenticate: Authenticate;
  ledgerHealth: LedgerHealthReader;
  monitor: PerformanceMonitoringService;
}

const LedgerHealthSchema = Type.Object(
  {
    asOf: Type.String({ format: 'date-time' }),
    floatOfTokens: Type.String(),
    issuerBalance: Type.String(),
    activeTokens: Type.Integer(),
    transfersPerSecond: Type.Number(),
    reconciliation: Type.Union([
      Type.Object({ at: Type.String({ format: 'date-time' }), sound: Type.Boolean(), detail: Type.String() }, closed),
      Type.Null(),
    ]),
    doubleSpends: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          detectedAt: Type.String({ format: 'date-time' }),
          tokenId: Type.String(),
          signer: Type.String(),
          code: Type.String(),
        },
        closed,
      ),
    ),
  },
  closed,
);

const transferRoute = '/wallet/transfers';

/** `GET /admin/ledger`: how the money stands, for the page and for people. */
export const ledgerHealthRoutes: FastifyPluginAsyncTypebox<LedgerHealthRoutesOptions> = async (app, options) => {
  const { authenticate, ledgerHealth, monitor } = options;
  app.get(
    '/admin/ledger',
    {
      onRequest: authenticate('operator'),
      schema: {
        summary: 'The float of tokens, the last reconciliation and double spends',
        tags: ['administration'],
        security: bearer,
        response: { 200: LedgerHealthSchema, ...problems(401, 403, 503) },
      },
    },
    async () => {
      const [health, { endpoints }] = await Promise.all([ledgerHealth.read(), monitor.getFleetMetrics()]);
      const transfers = endpoints.find(({ method, route }) => method === 'POST' && route === transferRoute);
      const { reconciliation } = health;
      return {
        asOf: health.asOf.toISOString(),
        floatOfTokens: String(health.floatOfTokens),
        issuerBalance: String(health.issuerBalance),
        activeTokens: health.activeTokens,
        transfersPerSecond: transfers?.requestsPerSecond ?? 0,
        reconciliation: reconciliation && { ...reconciliation, at: reconciliation.at.toISOString() },
        doubleSpends: health.doubleSpends.map(({ id, detectedAt, tokenId, signerKeyId, code }) => ({
          id,
          detectedAt: detectedAt.toISOString(),
          tokenId,
          signer: signerKeyId,
          code,
        })),
      };
    },
  );
};
