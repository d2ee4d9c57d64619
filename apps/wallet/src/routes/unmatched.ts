import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isUnreadable } from '../unreadable-requests.js';
import { AllowedMethods } from './allowed-methods.js';
import { sendProblem } from './error-handler.js';
import { Problem } from './problem.js';

/** Answers what no route answers: another method at a known path, a path with a slash too many, and nothing at all. */
export function installUnmatched(app: FastifyInstance): void {
  const allowed = new AllowedMethods();
  app.addHook('onRoute', (route) => allowed.add(route));
  app.setNotFoundHandler((request, reply) => {
    if (isUnreadable(request)) return sendProblem(reply, unreadable());
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = allowed.at(path);
    if (methods.length > 0) return otherMethod(request, reply, [...methods, 'OPTIONS']);
    if (isRead(request) && path.endsWith('/') && allowed.at(path.slice(0, -1)).includes('GET'))
      return withoutSlash(request, reply);
    return sendProblem(reply, new Problem(404, 'not_found', `There is nothing at ${request.method} ${path}`));
  });
}

const isRead = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD';

function unreadable(): Problem {
  return new Problem(400, 'invalid_request', 'The URL cannot be read.', {
    errors: [{ path: '', message: 'the URL has an escape that cannot be read' }],
  });
}

function otherMethod({ method }: FastifyRequest, reply: FastifyReply, methods: string[]): FastifyReply {
  const allow = methods.sort().join(', ');
  reply.header('allow', allow);
  if (method === 'OPTIONS') return reply.code(204).send();
  return sendProblem(reply, new Problem(405, 'method_not_allowed', `${method} is not answered here; ${allow} are.`));
}

/** Leads on by a relative reference, so that it holds behind a proxy that has put a prefix in front as well. */
function withoutSlash({ url }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const [path = '', query] = url.split(/\?(.*)/s, 2);
  const last = path.slice(0, -1).split('/').at(-1) ?? '';
  return reply
    .code(308)
    .header('location', `../${last}${query === undefined ? '' : `?${query}`}`)
    .send();
}
