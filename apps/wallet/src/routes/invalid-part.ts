import { Problem } from './problem.js';

/** A part of the body that only the service behind the schema could judge. */
export function invalid(
  { path, reason }: { path: string; reason: string },
  status = 400,
  code = 'invalid_request',
): Problem {
  return new Problem(status, code, `The body is invalid: ${path} ${reason}.`, { errors: [{ path, message: reason }] });
}
