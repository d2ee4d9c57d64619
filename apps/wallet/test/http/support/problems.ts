import { expect } from 'vitest';
import type { Answer } from './client.js';

export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: { path: string; message: string }[];
}

/** A whole and proper problem (RFC 9457) of this status and code, and nothing that came from the inside. */
export function expectProblem(answer: Answer<unknown>, status: number, code: string | RegExp): ProblemBody {
  const problem = expectAnyProblem(answer);
  expect({ status: answer.status, code: problem.code }, answer.text).toEqual({
    status,
    code: typeof code === 'string' ? code : expect.stringMatching(code),
  });
  return problem;
}

export function expectAnyProblem(answer: Answer<unknown>): ProblemBody {
  expect(answer.headers.get('content-type'), `${answer.status} ${answer.text}`).toMatch(/^application\/problem\+json/);
  const problem = answer.body as ProblemBody;
  expect(problem, answer.text).toMatchObject({
    type: expect.stringMatching(/^(urn|https?):/) as string,
    title: expect.stringMatching(/./) as string,
    status: answer.status,
    detail: expect.stringMatching(/./) as string,
    code: expect.stringMatching(/^[a-z][a-z0-9_]*$/) as string,
  });
  for (const part of problem.errors ?? []) {
    expect(Object.keys(part).sort()).toEqual(['message', 'path']);
    expect(part.path).toMatch(/^($|\/)/);
  }
  expect(answer.text).not.toMatch(/\bat .+:\d+:\d+|node_modules|\.ts:|\.js:|PostgreSQL|syntax error at/);
  expect(answer.headers.get('x-correlation-id')).toMatch(/./);
  expect(answer.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  return problem;
}
