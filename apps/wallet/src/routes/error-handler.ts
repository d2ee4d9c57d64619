import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { LedgerBusy } from '../ledger/group-commit.js';
import { InvalidQueryOption } from '../queries/errors.js';
import { SignatureWorkersBusy } from '../tokens/signature-workers.js';
import { invalidPart } from './invalid-value.js';
import { Problem } from './problem.js';

const validationSubjects: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
};

/**
 * The one place where what went wrong becomes an answer. Expected problems are written as they are; what nobody expected is
 * logged whole and answered with nothing that helps an attacker.
 */
export function installErrorHandler(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const problem = asProblem(error);
    if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, problem.message);
    return sendProblem(reply, problem);
  });
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const fields = problemFields(problem);
  for (let at = 0; at + 1 < fields.length; at += 2) reply.header(fields[at] ?? '', fields[at + 1]);
  return reply.code(problem.status).serializer(JSON.stringify).send(problem.toDocument());
}

/** The header fields of a problem's answer, one name and value after the other. */
export function problemFields(problem: Problem): string[] {
  const fields = ['content-type', 'application/problem+json', 'cache-control', 'no-store'];
  const { retryAfterSeconds } = problem.extra;
  if (retryAfterSeconds !== undefined) fields.push('retry-after', String(retryAfterSeconds));
  if (problem.status === 401) fields.push('www-authenticate', challengeOf(problem.code));
  return fields;
}

/** RFC 6750: a token that was sent and is not good is said to be so; whoever sent none is told the scheme alone. */
const challengeOf = (code: string): string =>
  code === 'invalid_token' || code === 'token_expired' ? 'Bearer error="invalid_token"' : 'Bearer';

/** What to tell the client of `error`. */
export function asProblem(error: FastifyError | Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidQueryOption) {
    const [path, message] = [`/${queryNames[error.option] ?? error.option}`, error.reason];
    return new Problem(400, 'invalid_request', `The query is invalid: ${path} ${message}.`, {
      errors: [{ path, message }],
    });
  }
  if (error instanceof LedgerBusy || error instanceof SignatureWorkersBusy) {
    return new Problem(503, 'overloaded', 'Too many operations are waiting; try again.', { retryAfterSeconds: 1 });
  }
  if ('validation' in error && error.validation !== undefined) return validationProblem(error);
  return frameworkProblem(error) ?? databaseProblem(error) ?? unexpected();
}

/** Query options are called as the program calls them; the client knows them by their names in the URL. */
const queryNames: Readonly<Record<string, string>> = { startDate: 'from', endDate: 'to', orderDirection: 'order' };

function validationProblem(error: FastifyError): Problem {
  const errors = (error.validation ?? []).map(invalidPart);
  const subject = validationSubjects[error.validationContext ?? ''] ?? 'request';
  const first = errors[0];
  const detail =
    first === undefined
      ? `The ${subject} is invalid.`
      : `The ${subject} is invalid: ${first.path === '' ? '' : `${first.path} `}${first.message}.`;
  return new Problem(400, 'invalid_request', detail, { errors });
}

function frameworkProblem(error: FastifyError | Error): Problem | undefined {
  const { code, statusCode } = error as Partial<FastifyError>;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new Problem(400, 'malformed_json', 'The body is not valid JSON.');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem(413, 'body_too_large', 'The body is larger than this endpoint accepts.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem(415, 'unsupported_media_type', 'Send the body as application/json.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Problem(400, 'invalid_request', 'Content-Length does not match the body.');
    case 'FST_ERR_BAD_URL':
      return new Problem(400, 'invalid_request', 'The URL cannot be decoded.');
    default:
      if (error instanceof SyntaxError && statusCode === 400)
        return new Problem(400, 'malformed_json', 'The body is not valid JSON.');
      return statusCode !== undefined && statusCode >= 400 && statusCode < 500
        ? new Problem(statusCode, 'invalid_request', 'The request cannot be processed.')
        : undefined;
  }
}

/** A `DatabaseError` of @dunlin/postgres, by its kind. Money is safe in each case: repeating with the same key has one effect. */
function databaseProblem(error: Error): Problem | undefined {
  switch ((error as { kind?: unknown }).kind) {
    case 'unavailable':
    case 'pool_exhausted':
    case 'retries_exhausted':
    case 'closed':
      return new Problem(
        503,
        'database_unavailable',
        'The database cannot be reached right now; nothing was changed. Try again.',
        {
          retryAfterSeconds: 1,
        },
      );
    case 'timeout':
      return new Problem(503, 'database_timeout', 'The database took too long; nothing was changed. Try again.', {
        retryAfterSeconds: 1,
      });
    case 'outcome_unknown':
      return new Problem(
        503,
        'outcome_unknown',
        'The connection to the database was lost; repeat the request with the same Idempotency-Key to learn the outcome.',
        {
          retryAfterSeconds: 1,
        },
      );
    default:
      return undefined;
  }
}

const unexpected = (): Problem => new Problem(500, 'internal_error', 'Something unexpected happened; it was logged.');
