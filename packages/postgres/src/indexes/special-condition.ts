import { tokenize, type SqlToken } from '../queries/sql-lexer.js';
import { conjuncts, topLevelOperator, unwrap } from './plan-condition.js';

/**
 * A condition that an index on the plain column cannot serve: on an expression (`lower(email) = $1`), or on the beginning of a text
 * (`email LIKE 'a%'`), which needs an order by characters.
 */
export interface SpecialCondition {
  readonly kind: 'expression' | 'prefix';
  readonly alias: string;
  /** The one column that it looks at. */
  readonly column: string;
  /** The expression as an index names it, without the table's alias; undefined for a prefix. */
  readonly sql: string | undefined;
  /** The functions in it, each of which must be immutable for an index to be made of it. */
  readonly functions: readonly string[];
  /** True when it is compared for equality and not by `<` and the like. */
  readonly isEquality: boolean;
  /** True when the column is cast to text, so that its type must be a text already for the cast to be immutable. */
  readonly isCast: boolean;
}

const COMPARED = new Set(['=', '<', '<=', '>', '>=']);
/** What takes a key out of JSON; immutable, all of them. */
const JSON_OPERATORS = new Set(['->', '->>', '#>', '#>>']);

/** Reads what is special in a condition as EXPLAIN (VERBOSE) prints it; the parts that are plain or not understood are left out. */
export function parseSpecialConditions(condition: string): SpecialCondition[] {
  return conjuncts(tokenize(condition)).flatMap((part) => readSpecial(part) ?? []);
}

function readSpecial(part: SqlToken[]): SpecialCondition | undefined {
  const at = topLevelOperator(part);
  if (at === -1) return undefined;
  const operator = (part[at] as SqlToken).text;
  const [left, right] = [unwrap(part.slice(0, at)), unwrap(part.slice(at + 1))];
  // A column on the right would be another row's, or another column: no value to look up.
  if (right.some((token) => token.text === '.')) return undefined;
  const read = readExpression(left);
  if (read === undefined) return undefined;
  const { isPlain, ...found } = read;
  if (operator === '~~')
    return isPlain && beginsFixed(right) ? { ...found, kind: 'prefix', sql: undefined, isEquality: false } : undefined;
  if (isPlain || !COMPARED.has(operator)) return undefined;
  return { ...found, kind: 'expression', isEquality: operator === '=' };
}

/** True for the literal of a pattern that begins with something else than a wildcard. */
function beginsFixed(pattern: readonly SqlToken[]): boolean {
  const [first] = pattern;
  return first?.kind === 'literal' && /^'[^'%_\\]/.test(first.text);
}

type Expression = Omit<SpecialCondition, 'kind' | 'isEquality'> & { readonly isPlain: boolean };

/** An expression of one column, functions, literals, casts of either to text, and JSON's operators; undefined when there is more in it. */
function readExpression(tokens: readonly SqlToken[]): Expression | undefined {
  const columns = new Set<string>();
  const functions = new Set<string>();
  const aliasAt = new Set<number>();
  let [alias, isCast, hasOperator] = ['', false, false];
  for (const [at, token] of tokens.entries()) {
    const [before, after] = [tokens[at - 1]?.text, tokens[at + 1]?.text];
    if (token.kind === 'parameter') return undefined;
    if (token.kind === 'word' || token.kind === 'quoted_name') {
      if (after === '.') {
        aliasAt.add(at);
        alias = nameOf(token);
      } else if (before === '.') columns.add(nameOf(token));
      else if (after === '(') functions.add(nameOf(token));
      else if (before === '::' && token.text === 'text') isCast ||= tokens[at - 2]?.kind !== 'literal';
      else return undefined;
    } else if (token.kind === 'symbol' && !['(', ')', ',', '.', '::'].includes(token.text)) {
      if (!JSON_OPERATORS.has(token.text)) return undefined;
      hasOperator = true;
    }
  }
  const [column] = columns;
  if (column === undefined || columns.size > 1) return undefined;
  const isPlain = functions.size === 0 && !hasOperator;
  return { alias, column, sql: textWithout(tokens, aliasAt), functions: [...functions], isCast, isPlain };
}

/** The tokens as they stood, without the names of tables and the dots behind them. */
function textWithout(tokens: readonly SqlToken[], aliasAt: ReadonlySet<number>): string {
  let text = '';
  let end = tokens[0]?.at ?? 0;
  for (const [at, token] of tokens.entries()) {
    if (token.at > end) text += ' ';
    end = token.at + token.text.length;
    if (!aliasAt.has(at) && !aliasAt.has(at - 1)) text += token.text;
  }
  return text;
}

function nameOf(token: SqlToken): string {
  return token.kind === 'quoted_name' ? token.text.slice(1, -1).replaceAll('""', '"') : token.text;
}
