import { MonitoringInputError, MonitoringStoreError } from '../errors.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import { HttpProblem } from './problem.js';

/** `?window=`: 60, 300 or 3600 seconds; `fallback` when absent. */
export function parseWindow(query: unknown, fallback: WindowSeconds = 60): WindowSeconds {
  const given = (query as { window?: unknown } | undefined)?.window;
  if (given === undefined) return fallback;
  const seconds = Number(given);
  if (seconds === 60 || seconds === 300 || seconds === 3600) return seconds;
  throw invalid('/query/window', 'must be 60, 300 or 3600');
}

/** `?limit=`: a whole number from 1 to `most`. */
export function parseLimit(query: unknown, fallback: number, most: number): number {
  const given = (query as { limit?: unknown } | undefined)?.limit;
  if (given === undefined) return fallback;
  const limit = Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw invalid('/query/limit', `must be a whole number from 1 to ${most}`);
}

export function parseFlag(query: unknown, name: string): boolean {
  const given = (query as Record<string, unknown> | undefined)?.[name];
  if (given === undefined || given === 'false' || given === false) return false;
  if (given === 'true' || given === true) return true;
  throw invalid(`/query/${name}`, 'must be true or false');
}

export function parseObject(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw invalid('/body', 'must be a JSON object');
}

/** A NUL, which PostgreSQL keeps in no text, or half a surrogate pair, which UTF-8 cannot write. */
const unstorable = /[\u0000\ud800-\udfff]/u;

/**
 * Refuses a body in which any text, names of fields included, could not be stored as it was sent. Walks with a list of its own, since
 * a body may be nested deeper than calls can be.
 */
export function refuseUnstorableText(body: unknown): void {
  const left: { path: string; value: unknown }[] = [{ path: '/body', value: body }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, value } = next;
    if (typeof value === 'string' && unstorable.test(value)) throw invalid(path, 'has a character that is no text');
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, inner] of Object.entries(value)) {
      if (unstorable.test(name)) throw invalid(path, 'has a name with a character that is no text');
      // A path that leads deeper than anything that is known here would only grow, not help.
      left.push({ path: path.length > 200 ? path : `${path}/${name}`, value: inner });
    }
  }
}

export function invalid(path: string, message: string): HttpProblem {
  return new HttpProblem({
    status: 400,
    code: 'invalid_request',
    detail: `${path} ${message}.`,
    errors: [{ path, message }],
  });
}

/** The errors of this package as problems; anything else is given back as it is. */
export function toProblem(error: unknown): unknown {
  if (error instanceof MonitoringInputError) {
    const errors = error.errors.map((part) => ({ path: `/body${part.path}`, message: part.message }));
    return new HttpProblem({
      status: 400,
      code: 'invalid_request',
      detail: `The request cannot be used: ${error.message}.`,
      errors,
    });
  }
  if (error instanceof MonitoringStoreError) {
    return new HttpProblem({
      status: 503,
      code: 'monitoring_store_unavailable',
      detail: 'Alerts and settings cannot be reached at present; nothing was changed.',
    });
  }
  return error;
}
