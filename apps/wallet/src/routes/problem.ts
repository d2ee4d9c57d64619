/** One invalid part of a request: where it stands (a JSON pointer below `body`, `query`, `params` or `headers`) and what is wrong. */
export interface InvalidPart {
  path: string;
  message: string;
}

export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: InvalidPart[];
  [extension: string]: unknown;
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  422: 'Unprocessable content',
  429: 'Too many requests',
  431: 'Request header fields too large',
  500: 'Internal server error',
  503: 'Service unavailable',
};

/**
 * An answer of kind `application/problem+json` (RFC 9457), thrown by a route and written in one place (`error-handler.ts`).
 * `code` is a stable word that clients may switch on; every code stands in `docs/errors.md`.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly extra: { errors?: InvalidPart[]; retryAfterSeconds?: number; extensions?: Record<string, unknown> };

  constructor(status: number, code: string, detail: string, extra: Problem['extra'] = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.extra = extra;
  }

  toDocument(): ProblemDocument {
    return {
      type: `urn:dunlin:problem:${this.code}`,
      title: titles[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.extra.errors === undefined ? {} : { errors: this.extra.errors }),
      ...this.extra.extensions,
    };
  }
}
