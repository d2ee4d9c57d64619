import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { Problem } from './routes/problem.js';

/**
 * Reads bodies as JSON and as nothing else. Bytes that are no UTF-8 are refused, since a decoder would put something else in their place and
 * that would be stored; so is a body that was compressed, by its name and not for what it seems to hold.
 */
export function installJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
      return done(new Problem(415, 'unsupported_media_type', 'Send the body as it is, without a Content-Encoding.'));
    if (!isUtf8(body as Buffer)) return done(new Problem(400, 'malformed_json', 'The body is not UTF-8.'));
    return parse(request, body.toString(), done);
  });
}
