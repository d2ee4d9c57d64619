import { DatabaseError, type ErrorOrigin } from './errors.js';
import type { ServerNotice } from './pool/pool-like.js';

/** What the driver hands over: a server's report has a severity and a five-character code, a dead socket has not. */
interface DriverError extends ErrorOrigin {
  readonly message: string;
}

/** True when the server itself sent this error, as opposed to a socket that broke. */
export function isServerReport(error: unknown): error is DriverError {
  if (typeof error !== 'object' || error === null) return false;
  const { severity, code } = error as ErrorOrigin;
  return typeof severity === 'string' && typeof code === 'string' && code.length === 5;
}

/**
 * True when the session ends with this report. Class 57P0x is the server going down or the session being ended by
 * an administrator; 08 is a protocol or connection exception; 25P03 and 25P04 end a session that idled too long.
 */
export function endsSession(error: ErrorOrigin): boolean {
  const code = error.code ?? '';
  return (
    error.severity === 'FATAL' ||
    error.severity === 'PANIC' ||
    code.startsWith('57P0') ||
    code.startsWith('08') ||
    code === '25P03' ||
    code === '25P04'
  );
}

/** Serialisation failure and deadlock: the transaction did nothing, and running it again is the documented answer. */
export function isRetryable(error: ErrorOrigin): boolean {
  return error.code === '40001' || error.code === '40P01';
}

/**
 * A prepared statement that this session no longer has (26000: a pooler or DISCARD took it away) or whose shape a
 * migration changed (0A000 with that message). It was refused before it ran, so it can be sent again unnamed.
 */
export function isStalePreparedStatement(error: ErrorOrigin & { message: string }): boolean {
  return error.code === '26000' || (error.code === '0A000' && error.message.startsWith('cached plan must not change'));
}

/**
 * True for the warning that a commit's wait for its synchronous standby was cancelled. The commit is kept on this server and
 * is answered with success all the same, but a standby that takes over may not have it. Its words are translated and its code
 * is that of any warning; the routine of the server's source that sends it, and nothing else, is neither.
 */
export function isUnconfirmedCommit(notice: ServerNotice): boolean {
  return notice.routine === 'SyncRepWaitForLSN';
}

/** What the caller is told of such a commit: it stands here, and whether it will stand is not known. */
export function unconfirmedCommit(): DatabaseError {
  return new DatabaseError(
    'outcome_unknown',
    'The wait for the synchronous standby was cancelled: the commit is kept on this server, but may be lost if the standby takes over',
  );
}

/** What the failing statement was, as far as its outcome goes when its connection is lost. */
export type InFlight = 'nothing' | 'read' | 'inside_transaction' | 'commits_by_itself';

/** Turns a driver's error into ours, without the values that it may carry. */
export function toDatabaseError(error: unknown, inFlight: InFlight): DatabaseError {
  if (isServerReport(error)) {
    if (error.code === '57014') return new DatabaseError('timeout', 'The statement was cancelled by the server', error);
    if (error.code === '55P03') return new DatabaseError('timeout', 'A lock was not granted in time', error);
    if (!endsSession(error)) return new DatabaseError('rejected', withoutValues(error.message, error.code), error);
    return lostConnection(inFlight, error.message, error, undefined);
  }
  const message = error instanceof Error ? error.message : 'unknown failure';
  const code = (error as { code?: unknown } | undefined)?.code;
  return lostConnection(inFlight, message, typeof code === 'string' ? { code } : {}, error);
}

function lostConnection(inFlight: InFlight, message: string, origin: ErrorOrigin, cause: unknown): DatabaseError {
  if (inFlight === 'commits_by_itself') {
    return new DatabaseError(
      'outcome_unknown',
      `The connection was lost while the statement was under way, so it may have taken effect: ${message}`,
      origin,
      cause,
    );
  }
  return new DatabaseError('unavailable', `The database is not reachable: ${message}`, origin, cause);
}

/**
 * PostgreSQL quotes the offending value in the messages of class 22 (and a literal in a syntax error); names are
 * quoted there too, but losing a name is cheaper than logging somebody's e-mail address.
 */
function withoutValues(message: string, code: string | undefined): string {
  if (code?.startsWith('22')) return message.replace(/".*"/s, '"?"').replace(/: [^"?]*$/s, ': ?');
  if (code?.startsWith('42')) return message.replace(/"'.*'"/g, '"?"');
  return message;
}
