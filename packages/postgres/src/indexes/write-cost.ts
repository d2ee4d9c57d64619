import { tokenize, type SqlToken } from '../queries/sql-lexer.js';
import type { TableFacts } from './schema-facts.js';

/** The columns that the workload's UPDATE statements set, by table name without schema. */
export function updatedColumns(texts: Iterable<string>): Map<string, Set<string>> {
  const updated = new Map<string, Set<string>>();
  for (const text of texts) {
    const tokens = tokenize(text);
    for (const [at, token] of tokens.entries()) {
      if (isWord(token, 'UPDATE')) noteUpdate(tokens, at, updated);
    }
  }
  return updated;
}

function noteUpdate(tokens: readonly SqlToken[], at: number, updated: Map<string, Set<string>>): void {
  const set = tokens.findIndex((token, i) => i > at && isWord(token, 'SET'));
  // `UPDATE [ONLY] [schema.]table [AS alias] SET` is seven tokens at most; farther away it is FOR UPDATE or another thing.
  if (set === -1 || set - at > 7) return;
  const named = tokens.slice(at + 1, set).filter((token) => !isWord(token, 'ONLY'));
  const table = named[1]?.text === '.' ? named[2] : named[0];
  if (table === undefined) return;
  const columns = updated.get(nameOf(table)) ?? new Set<string>();
  for (const column of assignedColumns(tokens, set + 1)) columns.add(column);
  updated.set(nameOf(table), columns);
}

function assignedColumns(tokens: readonly SqlToken[], start: number): string[] {
  const columns: string[] = [];
  let depth = 0;
  let expecting = true;
  for (const token of tokens.slice(start)) {
    if (depth === 0 && ['WHERE', 'FROM', 'RETURNING'].some((end) => isWord(token, end))) break;
    if (token.text === '(') depth += 1;
    else if (token.text === ')') {
      depth -= 1;
      if (depth < 0) break;
    } else if (expecting && (token.kind === 'word' || token.kind === 'quoted_name')) {
      columns.push(nameOf(token));
      expecting = depth > 0;
    } else if (token.text === '=' && depth === 0) expecting = false;
    else if (token.text === ',' && depth === 0) expecting = true;
  }
  return columns;
}

function isWord(token: SqlToken, word: string): boolean {
  return token.kind === 'word' && token.text.toUpperCase() === word;
}

function nameOf(token: SqlToken): string {
  return token.kind === 'quoted_name' ? token.text.slice(1, -1).replaceAll('""', '"') : token.text.toLowerCase();
}

export interface WriteCost {
  readonly sentence: string;
  readonly endsHotUpdates: boolean;
}

/**
 * What one more index on `columns` costs the writes of a table. An UPDATE that sets none of an index's columns can stay
 * on its page without touching any index (HOT); one that sets one of them must write every index of the table anew.
 * Updates inside functions are seen only where pg_stat_statements tracks nested statements.
 */
export function writeCostOf(
  table: TableFacts,
  columns: readonly string[],
  updated: ReadonlySet<string>,
  seconds: number,
): WriteCost {
  const perSecond = (count: number): string => (count / Math.max(1, seconds)).toPrecision(2);
  const set = columns.filter((column) => updated.has(column));
  const hotShare = table.updates === 0 ? 0 : table.hot_updates / table.updates;
  const endsHotUpdates = set.length > 0 && table.hot_updates > 0;
  const parts = [`one more entry for each of ${perSecond(table.inserts)} inserts a second`];
  if (set.length > 0) {
    parts.push(
      `and for updates of ${set.join(', ')} (${perSecond(table.updates)} updates a second, ${Math.round(hotShare * 100)} % of them HOT now)`,
    );
  }
  if (endsHotUpdates) parts.push('which would no longer be HOT');
  return { sentence: `${parts.join(', ')}.`, endsHotUpdates };
}
