import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { RequestRecord } from '@dunlin/monitoring';
import { Problem } from './routes/problem.js';

/** No route is here, so what is sent here is answered by the not-found handler, with all that every answer carries. */
const nowhere = '/.unreadable';

/**
 * Fastify's `rewriteUrl`. A path with a broken escape would be answered before any hook runs, without correlation id and
 * as no problem; a NUL is no character of any path, name or value here, and PostgreSQL refuses it in text. Neither reaches a route.
 */
export function rewriteUnreadableUrl({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  if (!url.includes('%')) return url;
  if (url.includes('%00')) return nowhere;
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '');
    return url;
  } catch {
    // The one thing that it throws is a URIError: the escapes are no UTF-8.
    return nowhere;
  }
}

export function isUnreadable(request: { url: string; originalUrl: string }): boolean {
  return request.url === nowhere && request.originalUrl !== nowhere;
}

/** What Node.js could not parse as HTTP has no request and no reply: the problem is written to the socket, which ends. */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(asMessage(unparsedProblem(error.code)));
  socket.destroy();
}

function unparsedProblem(code: string | undefined): Problem {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem(408, 'request_timeout', 'The request did not arrive in time.');
    case 'HPE_HEADER_OVERFLOW':
      return new Problem(431, 'headers_too_large', 'The header fields are larger than this server accepts.');
    default:
      return new Problem(400, 'invalid_request', 'This is no HTTP request.');
  }
}

function asMessage(problem: Problem): string {
  const { correlationId, traceparent } = new RequestRecord('_OTHER', randomUUID(), undefined, 0, 0);
  const body = JSON.stringify(problem.toDocument());
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `x-correlation-id: ${correlationId}`,
    `traceparent: ${traceparent}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
