import type { FastifyInstance } from 'fastify';

/**
 * What every answer tells browsers. The answers are JSON: nothing in them may run, be framed, be taken for another type, be read by a page
 * of another origin, or leak where it was linked from. Constants, for they go out with every request; the pages, which need more than
 * nothing, set their own policy over these.
 */
export const securityHeaders = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Only over TLS: a browser ignores it otherwise, and over plain HTTP it would promise what is not so. */
export const transportSecurity = 'max-age=31536000; includeSubDomains';

/** Sets them before anything else can answer, so that refusals carry them too. */
export function installSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders);
    if (request.protocol === 'https') reply.header('strict-transport-security', transportSecurity);
    done();
  });
}
