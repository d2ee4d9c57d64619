import helmet from '@fastify/helmet';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { endConnectionsWhileClosing } from './closing-connections.js';
import { installErrorHandler } from './routes/error-handler.js';
import { installValidation } from './routes/validation.js';
import { answerUnparsed, rewriteUnreadableUrl } from './unreadable-requests.js';

/** The largest body that any route accepts, in bytes: a redemption of 100 tokens is about 50 KB. */
const largestBodyBytes = 256 * 1024;
/** More than Node.js lets into a header, so that the router's own refusal, which is no problem+json, is never reached. */
const longestUrl = 65_536;
/** How long a client may take to send its headers, and its whole request, in ms. */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;

/** An HTTP server that knows how to refuse, and nothing of what the routes do. */
export async function createHttpServer(logger: FastifyBaseLogger): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: logger,
    // One line a request is the monitor's business: it samples, and tells of the slow and the failed.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: largestBodyBytes,
    requestTimeout: requestTimeoutMs,
    http: { headersTimeout: headersTimeoutMs },
    // No route matches a parameter by an expression that a long one could stall; schemas bound each of them.
    routerOptions: { maxParamLength: longestUrl },
    rewriteUrl: rewriteUnreadableUrl,
    clientErrorHandler: answerUnparsed,
    // A request that arrives while the server closes is answered, not cut off.
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  });
  endConnectionsWhileClosing(app);
  // JSON in and out: any other type is refused by its name, not for what it holds.
  app.removeContentTypeParser('text/plain');
  app.setSerializerCompiler(() => JSON.stringify);
  installValidation(app);
  installErrorHandler(app);
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  return app;
}
