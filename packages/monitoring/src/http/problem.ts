import type { InvalidInput } from '../errors.js';

/** What an answer of kind `application/problem+json` (RFC 9457) says. */
export interface ProblemFields {
  status: number;
  /** A stable word that clients may switch on. */
  code: string;
  detail: string;
  errors?: readonly InvalidInput[];
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  404: 'Not found',
  409: 'Conflict',
  501: 'Not implemented',
  503: 'Service unavailable',
};

/** Thrown by the routes of this package; the plugin, or the formatter that its user gave, turns it into an answer. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly fields: ProblemFields;
  /** Frameworks read the status from here when nobody formats the problem. */
  readonly statusCode: number;

  constructor(fields: ProblemFields) {
    super(fields.detail);
    this.fields = fields;
    this.statusCode = fields.status;
  }
}

export function problemDocument(fields: ProblemFields): Record<string, unknown> {
  return {
    type: `urn:dunlin:problem:${fields.code}`,
    title: TITLES[fields.status] ?? 'Error',
    status: fields.status,
    detail: fields.detail,
    code: fields.code,
    ...(fields.errors === undefined ? {} : { errors: fields.errors }),
  };
}
