/** A piece of SQL text. `literal` is a value written into the statement, `parameter` a `$1`, `word` a key word or name. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted_name' | 'literal' | 'number' | 'parameter' | 'symbol';
  readonly text: string;
  /** Where it begins in the text. */
  readonly at: number;
}

const SPACE = /\s+/y;
const LINE_COMMENT = /--[^\n]*/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER =
  /0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?/y;
const PARAMETER = /\$\d+/y;
const DOLLAR_TAG = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const OPERATOR = /::|\.\.|[<>=!~^&|@#%*/+-]+|[\s\S]/y;
/** Letters that may stand right before a quote and change how the string is read. */
const STRING_PREFIX = /[eE](?=')|[bBxXnN](?=')|[uU]&(?=['"])/y;

/**
 * Splits SQL into tokens the way PostgreSQL's scanner does, comments and white space left out. A string that never
 * ends runs to the end of the text: such a statement fails at the server, and its rest may be a secret.
 * Cost: linear in the text.
 */
export function tokenize(text: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < text.length) {
    const skipped = skipBlank(text, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const token = tokenAt(text, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

/**
 * True when the text holds exactly one statement, which may end in a semicolon. Only such a text may be put behind
 * EXPLAIN: in the simple protocol a second statement would be executed.
 */
export function isSingleStatement(tokens: readonly SqlToken[]): boolean {
  if (tokens.length === 0) return false;
  const first = tokens.findIndex((token) => token.kind === 'symbol' && token.text === ';');
  return first === -1 || tokens.slice(first).every((token) => token.text === ';');
}

function skipBlank(text: string, at: number): number {
  const space = match(SPACE, text, at) ?? match(LINE_COMMENT, text, at);
  if (space !== undefined) return at + space.length;
  return text.startsWith('/*', at) ? endOfBlockComment(text, at) : at;
}

/** Block comments nest in PostgreSQL. */
function endOfBlockComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('/*', at)) {
      depth += 1;
      at += 1;
    } else if (text.startsWith('*/', at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

function tokenAt(text: string, at: number): SqlToken {
  const prefix = match(STRING_PREFIX, text, at) ?? '';
  const quote = text[at + prefix.length];
  if (quote === "'") {
    const end = endOfQuoted(text, at + prefix.length, "'", prefix === 'e' || prefix === 'E');
    return { kind: 'literal', text: text.slice(at, end), at };
  }
  if (quote === '"') {
    return { kind: 'quoted_name', text: text.slice(at, endOfQuoted(text, at + prefix.length, '"', false)), at };
  }
  const word = match(WORD, text, at);
  if (word !== undefined) return { kind: 'word', text: word, at };
  const parameter = match(PARAMETER, text, at);
  if (parameter !== undefined) return { kind: 'parameter', text: parameter, at };
  const tag = match(DOLLAR_TAG, text, at);
  if (tag !== undefined) {
    const close = text.indexOf(tag, at + tag.length);
    return { kind: 'literal', text: text.slice(at, close === -1 ? text.length : close + tag.length), at };
  }
  const number = match(NUMBER, text, at);
  if (number !== undefined) return { kind: 'number', text: number, at };
  return { kind: 'symbol', text: operatorAt(text, at), at };
}

/** An operator ends where a comment begins, as PostgreSQL's scanner has it. */
function operatorAt(text: string, at: number): string {
  const operator = match(OPERATOR, text, at) ?? (text[at] as string);
  if (operator.length === 1) return operator;
  const comment = Math.min(...['--', '/*'].map((mark) => operator.indexOf(mark)).map((i) => (i < 0 ? Infinity : i)));
  const kept = comment === Infinity ? operator : operator.slice(0, comment);
  // A sign at the end belongs to the number behind it (`>=-5`), unless the operator has one of PostgreSQL's marks.
  if (kept.length > 1 && /[+-]$/.test(kept) && !/[~!@#%^&|`?]/.test(kept)) return kept.slice(0, -1);
  return kept;
}

function endOfQuoted(text: string, open: number, quote: string, backslashes: boolean): number {
  for (let at = open + 1; at < text.length; at += 1) {
    if (backslashes && text[at] === '\\') at += 1;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return text.length;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
