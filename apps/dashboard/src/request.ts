import { expire, renew, session } from './session.js';

/** An answer that is no success, in words for the operator. */
export class RequestProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  accept?: string;
  signal?: AbortSignal;
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${session.value?.accessToken ?? ''}`,
    accept: options.accept ?? 'application/json',
  };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new RequestProblem(0, 'unreachable', 'The service cannot be reached.');
  }
}

/** A request with the operator's token; an expired one is renewed once. Throws a RequestProblem for anything but success. */
export async function respond(path: string, options: RequestOptions = {}): Promise<Response> {
  let answer = await send(path, options);
  if (answer.status === 401 && (await renew())) answer = await send(path, options);
  if (answer.ok) return answer;
  if (answer.status === 401) expire('Your session has ended. Sign in again.');
  throw await problemOf(answer);
}

async function problemOf(answer: Response): Promise<RequestProblem> {
  if (answer.status === 403)
    return new RequestProblem(403, 'forbidden', 'This account is no operator and may not see performance figures.');
  try {
    const {
      code = 'error',
      detail,
      title,
      errors,
    } = (await answer.json()) as Record<string, never> & {
      code?: string;
      detail?: string;
      title?: string;
      errors?: { path: string; message: string }[];
    };
    const parts = (errors ?? []).map(({ path, message }) => `${path.split('/').pop() ?? ''} ${message}`);
    const words =
      parts.length > 0 ? `${parts.join('; ')}.` : (detail ?? title ?? `The service answered ${answer.status}.`);
    return new RequestProblem(answer.status, code, words);
  } catch {
    return new RequestProblem(answer.status, 'error', `The service answered ${answer.status}.`);
  }
}

export async function getJson<Content>(path: string, signal?: AbortSignal): Promise<Content> {
  const answer = await respond(path, signal === undefined ? {} : { signal });
  return (await answer.json()) as Content;
}

export async function sendJson<Content>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Content | undefined> {
  const answer = await respond(path, { method, ...(body === undefined ? {} : { body }) });
  return answer.status === 204 ? undefined : ((await answer.json()) as Content);
}

/** What went wrong, for people. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
