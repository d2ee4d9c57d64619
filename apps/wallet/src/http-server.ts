import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { endConnectionsWhileClosing } from './closing-connections.js';
import type { LimitsConfig, TrustedProxies } from './config/limits-config.js';
import type { TlsConfig } from './config/tls-config.js';
import { installJsonBody } from './json-body.js';
import { installErrorHandler } from './routes/error-handler.js';
import { installUnmatched } from './routes/unmatched.js';
import { installValidation } from './routes/validation.js';
import { installSecurityHeaders } from './security-headers.js';
import { endSlowReaders } from './slow-readers.js';
import { answerUnparsed, rewriteUnreadableUrl } from './unreadable-requests.js';

/** More than Node.js lets into a header, so that the router's own refusal, which is no problem+json, is never reached. */
const longestUrl = 65_536;
/** How often Node.js looks for connections whose headers or request are late. It decides what a timeout is worth. */
const lookForLateEveryMs = 1_000;

/** An HTTP server that knows how to refuse, and nothing of what the routes do. */
export function createHttpServer(logger: FastifyBaseLogger, limits: LimitsConfig, tls?: TlsConfig): FastifyInstance {
  const connections = {
    headersTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: lookForLateEveryMs,
  };
  const app = Fastify({
    loggerInstance: logger,
    // One line a request is the monitor's business: it samples, and tells of the slow and the failed.
    logController: new LogController({ disableRequestLogging: true }),
    // What a line needs to know of its request comes from the request's context; a child logger for each would cost more than the line.
    childLoggerFactory: (parent) => parent,
    trustProxy: trusted(limits.trustProxy),
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    ...(tls === undefined ? { http: connections } : { https: { ...connections, ...secured(tls) } }),
    // No route matches a parameter by an expression that a long one could stall; schemas bound each of them.
    routerOptions: { maxParamLength: longestUrl },
    rewriteUrl: rewriteUnreadableUrl,
    clientErrorHandler: answerUnparsed,
    // A request that arrives over an open connection while the server closes is served, and the connection closed with its answer: what
    // it needs is closed after the server.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  });
  endConnectionsWhileClosing(app);
  endSlowReaders(app, limits.responseTimeoutMs);
  installJsonBody(app);
  app.setSerializerCompiler(() => JSON.stringify);
  installValidation(app);
  installErrorHandler(app);
  installUnmatched(app);
  installSecurityHeaders(app);
  return app;
}

/** Older versions than 1.2 are refused by name, whatever OpenSSL was built or set to allow. */
function secured({ certificate, key }: TlsConfig): { cert: string; key: string; minVersion: 'TLSv1.2' } {
  return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

/** So many hops from here on, or those at these addresses, are believed about who came before them. */
function trusted(proxies: TrustedProxies): false | string[] | ((address: string, hop: number) => boolean) {
  switch (typeof proxies) {
    case 'number':
      return (_address, hop) => hop < proxies;
    case 'object':
      return [...proxies];
    default:
      return false;
  }
}
