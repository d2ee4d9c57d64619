/** What the fast lane goes by. */
export interface Asked {
  /** The value of `Authorization`, as it came. */
  readonly authorization: string;
  readonly ifNoneMatch: string | undefined;
  /** It will have no kept answer. */
  readonly fresh: boolean;
}

/**
 * Reads a request's fields in one pass, as they came: Node.js builds the object of all of them only when somebody asks, and a hit need not.
 * Undefined where there is no access token, where a field comes twice, and where one asks for more than an answer, kept or fresh: a body
 * that is to be read, another protocol, a directive for the cache other than `no-cache`.
 */
export function readAsked(rawHeaders: readonly string[]): Asked | undefined {
  let authorization: string | undefined;
  let ifNoneMatch: string | undefined;
  let fresh = false;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!knownLengths.has(name.length)) continue;
    switch (name.toLowerCase()) {
      case 'authorization':
        if (authorization !== undefined) return undefined;
        authorization = rawHeaders[at + 1];
        break;
      case 'if-none-match':
        if (ifNoneMatch !== undefined) return undefined;
        ifNoneMatch = rawHeaders[at + 1];
        break;
      case 'cache-control':
      case 'pragma':
        if (rawHeaders[at + 1] !== 'no-cache') return undefined;
        fresh = true;
        break;
      case 'expect':
      case 'upgrade':
      case 'content-length':
      case 'transfer-encoding':
        return undefined;
    }
  }
  return authorization === undefined ? undefined : { authorization, ifNoneMatch, fresh };
}

/** Most fields have a name of another length, and then need not be looked at closely. */
const knownLengths: ReadonlySet<number> = new Set(
  ['authorization', 'pragma', 'upgrade', 'content-length', 'transfer-encoding'].map((name) => name.length),
);
