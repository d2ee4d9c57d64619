import { statement, type Statement } from '@dunlin/postgres';
import { transactionColumns, transactionStatuses, transactionTypes } from '../ledger/transaction.js';
import type { HistoryPosition } from './history-cursor.js';
import type { HistoryFilters, HistoryRequest } from './history-options.js';

/** Past this many rows in a date range the exact total is not worth its cost; the answer says that it was capped. */
export const totalCap = 10_000;

interface BuiltStatement {
  statement: Statement;
  values: unknown[];
}

/** One statement for each shape of filters, made when it is first asked for: 96 at the most, and as many again for replicas. */
const statements = new Map<string, Statement>();

/** Only these combinations can exist (`transactions_status_of_type`), each counted in a column of the account's row. */
const counterColumns = transactionTypes.flatMap((type) =>
  transactionStatuses
    .filter((status) => type === 'online' || status === 'completed')
    .map((status) => ({ type, status, column: `${type}_${status}` })),
);

/**
 * The statement of one page. History is what a user sent and what they received: two scans, each in the order of its own
 * index, merged; never an OR, which would read and sort everything. The merge is lazy, so together they read little more
 * than the page.
 *
 * A page that begins the scan (the first, and every one by cursor) takes its rows right there. One that is skipped to by its
 * number passes over keys alone, within the indexes, and fetches the rows of the page afterwards.
 *
 * Statements differ by which filters are present, never by their values, so each shape is prepared once per connection. With
 * `withVersion` the account's version in the same snapshot comes along, as `seen_version`.
 */
export function historyStatement(
  userId: string,
  request: HistoryRequest,
  after: HistoryPosition | undefined,
  { withVersion = false }: { withVersion?: boolean } = {},
): BuiltStatement {
  const { filters, limit, page } = request;
  const parameters = new Parameters();
  const user = parameters.add(userId);
  const conditions = filterConditions(filters, parameters);
  if (after !== undefined) {
    const comparison = filters.orderDirection === 'desc' ? '<' : '>';
    conditions.push(
      `(created_at, id) ${comparison} (${parameters.add(after.createdAt)}::timestamptz(3), ${parameters.add(after.id)}::uuid)`,
    );
  }
  const skips = after === undefined && page > 1;
  const order = `order by created_at ${filters.orderDirection}, id ${filters.orderDirection}`;
  const take = parameters.add(limit + 1);
  const merged = (columns: string, most: string): string => {
    const half = (side: string): string =>
      `(select ${columns} from transactions where ${[`${side} = ${user}`, ...conditions].join(' and ')} ${order} limit ${most})`;
    return `(${half('sender_id')} union all ${half('receiver_id')}) merged ${order}`;
  };
  const rows = skips
    ? skippedTo(merged, take, parameters.add((page - 1) * limit))
    : `select * from ${merged(transactionColumns, take)} limit ${take}`;
  const total = after === undefined ? totalExpression(filters, user, conditions) : 'null::bigint';
  const version = withVersion ? `, (select version from accounts where id = ${user}) as seen_version` : '';
  const text = `
    select t.*, counted.*
      from (select ${total} as total${version}) counted
      left join (${rows}) t on true
     ${order.replaceAll('created_at', 't.created_at').replace(', id', ', t.id')}`;
  const name = `history_${shape(filters, after)}${skips ? '_skipped' : ''}${withVersion ? '_versioned' : ''}`;
  return { statement: prepared(name, text), values: parameters.values };
}

function skippedTo(merged: (columns: string, most: string) => string, take: string, offset: string): string {
  const keys = `select id from ${merged('id, created_at', `${take}::bigint + ${offset}::bigint`)} limit ${take} offset ${offset}`;
  return `select ${transactionColumns} from transactions where id in (${keys})`;
}

function filterConditions(filters: HistoryFilters, parameters: Parameters): string[] {
  const conditions: string[] = [];
  if (filters.type !== undefined) conditions.push(`type = ${parameters.add(filters.type)}`);
  if (filters.status !== undefined) conditions.push(`status = ${parameters.add(filters.status)}`);
  if (filters.startDate !== undefined)
    conditions.push(`created_at >= ${parameters.add(filters.startDate)}::timestamptz`);
  if (filters.endDate !== undefined) conditions.push(`created_at < ${parameters.add(filters.endDate)}::timestamptz`);
  return conditions;
}

/** Without a date range the total is a sum of counters, exact and free; with one, a count that stops at the cap. */
function totalExpression(filters: HistoryFilters, user: string, conditions: readonly string[]): string {
  if (filters.startDate === undefined && filters.endDate === undefined) {
    const columns = counterColumns.map(({ type, status, column }) => {
      const ifType = filters.type === undefined ? '' : ` and '${type}' = $2`;
      const ifStatus = filters.status === undefined ? '' : ` and '${status}' = $${filters.type === undefined ? 2 : 3}`;
      return ifType + ifStatus === ''
        ? `a.${column}`
        : `case when true${ifType}${ifStatus} then a.${column} else 0 end`;
    });
    return `(select (${columns.join(' + ')})::bigint from accounts a where a.id = ${user})`;
  }
  const counted = (side: string): string =>
    `(select 1 from transactions where ${[`${side} = ${user}`, ...conditions].join(' and ')} limit ${totalCap + 1})`;
  return `(select count(*) from (${counted('sender_id')} union all ${counted('receiver_id')} limit ${totalCap + 1}) bounded)`;
}

function prepared(name: string, text: string): Statement {
  const known = statements.get(name);
  if (known !== undefined) return known;
  const made = statement(name, text, { readOnly: true });
  statements.set(name, made);
  return made;
}

function shape(filters: HistoryFilters, after: HistoryPosition | undefined): string {
  const flags = [filters.type, filters.status, filters.startDate, filters.endDate, after].map((part) =>
    part === undefined ? '0' : '1',
  );
  return `${filters.orderDirection}_${flags.join('')}`;
}

class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
