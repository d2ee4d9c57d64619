import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** The headers that go with a status line: those of `writeHead`, in any of its forms, before those that were set earlier. */
export type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;

/** The value of a header of the answer that is being sent, `name` in small letters; undefined when there is none. */
export function headerOf(response: ServerResponse, given: GivenHeaders, name: string): unknown {
  const value = given === undefined ? undefined : givenHeader(given, name);
  return value ?? response.getHeader(name);
}

function givenHeader(given: NonNullable<GivenHeaders>, name: string): unknown {
  if (Array.isArray(given)) return listedHeader(given, name);
  const value = given[name];
  if (value !== undefined) return value;
  for (const key in given) if (key.length === name.length && key.toLowerCase() === name) return given[key];
  return undefined;
}

/** `[name, value, name, value]` or `[[name, value], …]`. */
function listedHeader(given: readonly unknown[], name: string): unknown {
  const flat = Array.isArray(given[0]) ? (given.flat() as unknown[]) : given;
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const field = flat[at];
    const one = typeof field === 'string' ? field : String(field);
    if (one.length === name.length && (one === name || one.toLowerCase() === name)) return flat[at + 1];
  }
  return undefined;
}
