/** What the fast lane goes by. */
export interface Asked {
  /** The value of `Authorization`, as it came. */
  readonly authorization: string;
  readonly ifNoneMatch: string | undefined;
}

/**
 * Reads a request's fields in one pass, as they came: Node.js builds the object of all of them only when somebody asks, and a hit need not.
 * Undefined where there is no access token, where a field comes twice, and where one asks for more than the kept answer: a fresh one, a
 * body that is to be read, another protocol.
 */
export function readAsked(rawHeaders: readonly string[]): Asked | undefined {
  let authorization: string | undefined;
  let ifNoneMatch: string | undefined;
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
      case 'expect':
      case 'upgrade':
      case 'content-length':
      case 'transfer-encoding':
        return undefined;
    }
  }
  return authorization === undefined ? undefined : { authorization, ifNoneMatch };
}

/** Most fields have a name of another length, and then need not be looked at closely. */
const knownLengths: ReadonlySet<number> = new Set(
  ['authorization', 'pragma', 'upgrade', 'content-length', 'transfer-encoding'].map((name) => name.length),
);
