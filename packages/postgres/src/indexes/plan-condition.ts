import { tokenize, type SqlToken } from '../queries/sql-lexer.js';

/** What one part of a plan's condition asks of one column. */
export interface ColumnCondition {
  readonly alias: string;
  readonly column: string;
  /** `equal` to one value, `any` of a list, a `range`, or `null`. */
  readonly kind: 'equal' | 'any' | 'range' | 'null';
  /** The constant as PostgreSQL prints it (`'active'::text`), when the statement itself names it. */
  readonly constant?: string | undefined;
  /** The column on the other side, when two columns are compared: a join. */
  readonly joined?: { readonly alias: string; readonly column: string } | undefined;
}

interface ColumnReference {
  readonly alias: string;
  readonly column: string;
}

const RANGE = new Set(['<', '<=', '>', '>=']);

/**
 * Reads a condition as EXPLAIN (VERBOSE) prints it: `((t.a = $1) AND (t.b > $2))`. Parts that no btree index on plain
 * columns can serve (OR, LIKE, functions) are left out; so the answer is what may be used, not all there is.
 */
export function parseCondition(condition: string): ColumnCondition[] {
  return conjuncts(tokenize(condition)).flatMap((part) => readPart(part) ?? []);
}

/** A sort key as the plan prints it, when it is a plain column. */
export function parseSortKey(
  key: string,
): { alias: string; column: string; direction: 'ASC' | 'DESC'; nulls?: 'FIRST' | 'LAST' } | undefined {
  const tokens = tokenize(key);
  const column = columnAt(tokens.slice(0, 3));
  if (column === undefined) return undefined;
  const rest = tokens.slice(3).map((token) => token.text.toUpperCase());
  if (rest.some((word) => !['ASC', 'DESC', 'NULLS', 'FIRST', 'LAST'].includes(word))) return undefined;
  const direction = rest.includes('DESC') ? 'DESC' : 'ASC';
  const nulls = rest.includes('FIRST') ? 'FIRST' : rest.includes('LAST') ? 'LAST' : undefined;
  return { ...column, direction, ...(nulls === undefined ? {} : { nulls }) };
}

/** Splits at the ANDs of the outermost level; the condition of an OR comes back as one part, which nothing reads. */
export function conjuncts(tokens: SqlToken[]): SqlToken[][] {
  const inner = unwrap(tokens);
  const parts: SqlToken[][] = [[]];
  let depth = 0;
  for (const token of inner) {
    if (token.text === '(' || token.text === '[') depth += 1;
    if (token.text === ')' || token.text === ']') depth -= 1;
    if (depth === 0 && token.kind === 'word' && token.text === 'AND') parts.push([]);
    else (parts.at(-1) as SqlToken[]).push(token);
  }
  return parts.length === 1 ? [inner] : parts.flatMap(conjuncts);
}

/** Takes off parentheses that enclose the whole. */
export function unwrap(tokens: SqlToken[]): SqlToken[] {
  let inner = tokens;
  while (inner.length > 2 && inner[0]?.text === '(' && closingOf(inner, 0) === inner.length - 1)
    inner = inner.slice(1, -1);
  return inner;
}

function closingOf(tokens: readonly SqlToken[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    if (tokens[at]?.text === '(') depth += 1;
    else if (tokens[at]?.text === ')' && (depth -= 1) === 0) return at;
  }
  return -1;
}

function readPart(part: SqlToken[]): ColumnCondition | undefined {
  const boolean = readBoolean(part);
  if (boolean !== undefined) return boolean;
  const at = topLevelOperator(part);
  if (at === -1) return readNullTest(part);
  const operator = (part[at] as SqlToken).text;
  const [left, right] = [part.slice(0, at), part.slice(at + 1)];
  const [leftColumn, rightColumn] = [columnOf(left), columnOf(right)];
  if (operator === '=' && right[0]?.text.toUpperCase() === 'ANY') {
    return leftColumn === undefined ? undefined : { ...leftColumn, kind: 'any', constant: constantOf(right.slice(1)) };
  }
  const kind = operator === '=' ? 'equal' : RANGE.has(operator) ? 'range' : undefined;
  if (kind === undefined) return undefined;
  if (leftColumn !== undefined && rightColumn !== undefined) return { ...leftColumn, kind, joined: rightColumn };
  if (leftColumn !== undefined) return { ...leftColumn, kind, constant: constantOf(right) };
  return rightColumn === undefined ? undefined : { ...rightColumn, kind, constant: constantOf(left) };
}

/** `t.flag` and `(NOT t.flag)` stand for themselves in a condition. */
function readBoolean(part: SqlToken[]): ColumnCondition | undefined {
  const negated = part[0]?.text === 'NOT';
  const column = columnAt(unwrap(negated ? part.slice(1) : part));
  return column === undefined ? undefined : { ...column, kind: 'equal', constant: negated ? 'false' : 'true' };
}

function readNullTest(part: SqlToken[]): ColumnCondition | undefined {
  const words = part.slice(-2).map((token) => token.text);
  const column = columnOf(part.slice(0, -2));
  return words[0] === 'IS' && words[1] === 'NULL' && column !== undefined ? { ...column, kind: 'null' } : undefined;
}

/** Where the operator stands that is in no parentheses; -1 when there is none. */
export function topLevelOperator(part: readonly SqlToken[]): number {
  let depth = 0;
  for (const [at, token] of part.entries()) {
    if (token.text === '(' || token.text === '[') depth += 1;
    else if (token.text === ')' || token.text === ']') depth -= 1;
    else if (depth === 0 && token.kind === 'symbol' && !['::', '.', ','].includes(token.text)) return at;
  }
  return -1;
}

/** The column that a side of a comparison is, whatever it is cast to: `(t.email)::text`. */
function columnOf(side: SqlToken[]): ColumnReference | undefined {
  const cast = side.findIndex((token, at) => token.text === '::' && closesBefore(side, at));
  return columnAt(unwrap(cast === -1 ? side : side.slice(0, cast)));
}

function closesBefore(side: readonly SqlToken[], at: number): boolean {
  let depth = 0;
  for (const token of side.slice(0, at)) {
    if (token.text === '(') depth += 1;
    else if (token.text === ')') depth -= 1;
  }
  return depth === 0;
}

/** Exactly `alias.column`. */
function columnAt(tokens: readonly SqlToken[]): ColumnReference | undefined {
  const [alias, dot, column] = tokens;
  if (tokens.length !== 3 || dot?.text !== '.' || alias === undefined || column === undefined) return undefined;
  if (!isName(alias) || !isName(column)) return undefined;
  return { alias: nameOf(alias), column: nameOf(column) };
}

function isName(token: SqlToken): boolean {
  return token.kind === 'word' || token.kind === 'quoted_name';
}

function nameOf(token: SqlToken): string {
  return token.kind === 'quoted_name' ? token.text.slice(1, -1).replaceAll('""', '"') : token.text;
}

/** The side as text when it is a literal of the statement and no parameter, column or function is in it. */
function constantOf(side: readonly SqlToken[]): string | undefined {
  const inner = unwrap([...side]);
  const first = inner[0];
  if (first === undefined || (first.kind !== 'literal' && first.kind !== 'number')) return undefined;
  const rest = inner.slice(1);
  const isCast = rest.every(
    (token) =>
      token.kind === 'word' || token.kind === 'quoted_name' || ['::', '[', ']', '[]', '.'].includes(token.text),
  );
  return isCast ? inner.map((token) => token.text).join('') : undefined;
}
