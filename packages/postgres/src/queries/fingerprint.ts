import { createHash } from 'node:crypto';
import { tokenize, type SqlToken } from './sql-lexer.js';

/** What identifies a statement whatever values it is called with. */
export interface Fingerprint {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** The statement with `?` where a value stood, comments gone and white space single. */
  readonly query: string;
}

const LONGEST_QUERY_CHARACTERS = 4_000;

/**
 * Reduces a statement to its shape: literals, numbers and parameters become `?`, lists of them become one, and case
 * outside quoted names does not count. `WHERE id IN ($1, $2)` and `where id in (7)` share a fingerprint, and so do a
 * statement as it was sent and as pg_stat_statements shows it.
 * Cost: a pass over the text, so do it once a text and keep the answer.
 */
export function fingerprint(text: string): Fingerprint {
  const query = withoutValues(text);
  const id = createHash('sha256')
    .update(foldCase(reduced(text, isConstant)))
    .digest('hex')
    .slice(0, 16);
  return {
    id,
    query: query.length > LONGEST_QUERY_CHARACTERS ? `${query.slice(0, LONGEST_QUERY_CHARACTERS)}…` : query,
  };
}

/** The statement (or any expression of SQL) with `?` for every value in it. */
export function withoutValues(text: string): string {
  return reduced(text, isValue);
}

function reduced(text: string, isReplaced: (token: SqlToken, previous: SqlToken | undefined) => boolean): string {
  const tokens = tokenize(text);
  const parts: string[] = [];
  let previous: SqlToken | undefined;
  for (const token of tokens) {
    if (token.text === ';' && token.at >= (tokens.at(-1) as SqlToken).at) break;
    const part = isReplaced(token, previous) ? '?' : token.text;
    if (part === '?' && hasSign(parts)) parts.pop();
    if (previous !== undefined && needsSpace(text, previous, token)) parts.push(' ');
    parts.push(part);
    previous = token;
  }
  return foldLists(parts.join(''));
}

function isValue(token: SqlToken): boolean {
  return token.kind === 'literal' || token.kind === 'number' || token.kind === 'parameter';
}

/**
 * What pg_stat_statements replaces: TRUE, FALSE and NULL too, where they are values. `IS NULL` and `NOT NULL` are not; a
 * reader is better off with the words, so only the identity is made without them.
 */
function isConstant(token: SqlToken, previous: SqlToken | undefined): boolean {
  if (isValue(token)) return true;
  if (token.kind !== 'word' || !/^(?:true|false|null)$/i.test(token.text)) return false;
  return previous === undefined || !/^(?:is|not)$/i.test(previous.text);
}

/** True when the last part is a sign that belongs to the number which follows it, not an operator between two terms. */
function hasSign(parts: readonly string[]): boolean {
  const sign = parts.at(-1);
  if (sign !== '-' && sign !== '+') return false;
  const before = parts.findLast((part, i) => i < parts.length - 1 && part !== ' ');
  if (before === undefined) return true;
  return /^[(,[=<>*/%|]/.test(before) || SIGN_FOLLOWS.has(before.toUpperCase());
}

const SIGN_FOLLOWS = new Set(
  'SELECT WHERE AND OR NOT BETWEEN THEN ELSE WHEN CASE RETURN LIMIT OFFSET BY IN LIKE VALUES SET RETURNING'.split(' '),
);

function needsSpace(text: string, previous: SqlToken, token: SqlToken): boolean {
  return previous.at + previous.text.length < token.at && text.slice(previous.at, token.at).length > 0;
}

/** `(?, ?, ?)` becomes `(?)` and rows of VALUES become the first, so that a longer list is no new statement. */
function foldLists(query: string): string {
  return (
    query
      .replace(/([([])\s*\?(?:\s*,\s*\?)+\s*([)\]])/g, '$1?$2')
      // PostgreSQL 18 shows a folded list as `($1 /*, ... */)`, whose comment leaves a space behind.
      .replace(/\? ([)\]])/g, '?$1')
      .replace(/(\bVALUES\s*)(\((?:[^()]|\([^()]*\))*\))(?:\s*,\s*\2)+/gi, '$1$2')
  );
}

/** Lower case outside quoted names, and no space that does not part two words: `A = 1` and `a=1` are the same. */
function foldCase(query: string): string {
  return tokenize(query)
    .map((token) => (token.kind === 'quoted_name' ? token.text : token.text.toLowerCase()))
    .join(' ');
}
