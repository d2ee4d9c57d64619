import { statement, type Statement } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';

/** One line of the audit log: who did what, when, from where. */
export interface AuditEntry {
  id: string;
  at: Date;
  action: string;
  /** Null for the wallet's own work. */
  actorId: string | null;
  /** Whom it concerns: who was paid, or whose account was changed. */
  userId: string | null;
  transactionId: string | null;
  address: string | null;
  userAgent: string | null;
  correlationId: string | null;
  detail: Record<string, unknown> | null;
}

export interface AuditRequest {
  /** 1 to 200. */
  limit: number;
  /** Where the page before ended. */
  after?: AuditPosition;
  /** What this user did, and what was done to them. */
  userId?: string;
  action?: string;
  /** Inclusive. */
  from?: Date;
  /** Exclusive. */
  to?: Date;
}

/** The last line that was seen. */
export interface AuditPosition {
  at: Date;
  id: string;
}

/** Money's lines are the transactions themselves: each carries who asked for it and from where. */
const moneyAction = `case when metadata ? 'reverses' then 'money.reversal'
       when type = 'online' and metadata ? 'expiresAt' then 'money.hold'
       when type = 'online' then 'money.transfer' else 'money.' || type end`;
const moneyColumns = `id, created_at as at, ${moneyAction} as action,
     coalesce(acted_by, case when type <> 'token_refund' then coalesce(sender_id, receiver_id) end) as "actorId",
     coalesce(receiver_id, sender_id) as "userId", id as "transactionId", host(acted_from) as address, null::text as "userAgent",
     correlation_id as "correlationId",
     jsonb_build_object('senderId', sender_id, 'receiverId', receiver_id, 'amount', amount::text, 'currency', currency) as detail`;
const logColumns = `id, at, action, actor_id as "actorId", user_id as "userId", transaction_id as "transactionId",
     host(address) as address, user_agent as "userAgent", correlation_id as "correlationId", detail`;

/**
 * One page, newest first; one line more than asked for when there are more. Each half of the statement walks an index backwards and
 * stops at the limit. Without a user that is the primary keys, whose ids grow with time; a period narrows them down, with a
 * minute to spare for the clocks that made them.
 */
export async function readAuditPage(database: Queryable, request: AuditRequest): Promise<AuditEntry[]> {
  const values: unknown[] = [request.limit + 1];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const order = request.userId === undefined ? 'id desc' : 'at desc, id desc';
  const halves = request.userId === undefined ? everything(request, bind) : ofUser(request, request.userId, bind);
  const text = `select * from (${halves.join(' union all ')}) lines order by ${order} limit $1`;
  const { rows } = await database.query<AuditEntry>(prepared(text), values);
  return rows;
}

type Bind = (value: unknown) => string;

function everything(request: AuditRequest, bind: Bind): string[] {
  const conditions: string[] = [];
  if (request.after !== undefined) conditions.push(`id < ${bind(request.after.id)}::uuid`);
  if (request.from !== undefined) conditions.push(`id >= ${bind(idsAt(request.from, -clockMarginMs))}::uuid`);
  if (request.to !== undefined) conditions.push(`id < ${bind(idsAt(request.to, clockMarginMs))}::uuid`);
  const period = periodConditions(request, bind);
  const action = request.action === undefined ? undefined : bind(request.action);
  return [
    half('transactions', [...conditions, ...period('created_at')], 'id desc', action),
    half('audit_log', [...conditions, ...period('at')], 'id desc', action),
  ];
}

function ofUser(request: AuditRequest, userId: string, bind: Bind): string[] {
  const user = `${bind(userId)}::uuid`;
  const { after } = request;
  const position = after === undefined ? undefined : `(${bind(after.at)}::timestamptz(3), ${bind(after.id)}::uuid)`;
  const period = periodConditions(request, bind);
  const action = request.action === undefined ? undefined : bind(request.action);
  const part = (table: 'transactions' | 'audit_log', conditions: string[]): string => {
    const at = table === 'transactions' ? 'created_at' : 'at';
    const before = position === undefined ? [] : [`(${at}, id) < ${position}`];
    return half(table, [...conditions, ...before, ...period(at)], `${at} desc, id desc`, action);
  };
  return [
    part('transactions', [`sender_id = ${user}`]),
    part('transactions', [`receiver_id = ${user}`]),
    part('transactions', [
      `acted_by = ${user}`,
      `sender_id is distinct from ${user}`,
      `receiver_id is distinct from ${user}`,
    ]),
    part('audit_log', [`user_id = ${user}`]),
    part('audit_log', [`actor_id = ${user}`, `user_id is distinct from ${user}`]),
  ];
}

/** The bound values once, to be compared with the time of either table. */
function periodConditions(request: AuditRequest, bind: Bind): (column: string) => string[] {
  const from = request.from === undefined ? undefined : bind(request.from);
  const to = request.to === undefined ? undefined : bind(request.to);
  return (column) => [
    ...(from === undefined ? [] : [`${column} >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [`${column} < ${to}::timestamptz`]),
  ];
}

function half(table: 'transactions' | 'audit_log', conditions: string[], order: string, action?: string): string {
  const columns = table === 'transactions' ? moneyColumns : logColumns;
  const wanted =
    action === undefined ? [] : [`${table === 'transactions' ? `(${moneyAction})` : 'action'} = ${action}::text`];
  const where = [...conditions, ...wanted];
  return `(select ${columns} from ${table} ${where.length === 0 ? '' : `where ${where.join(' and ')}`} order by ${order} limit $1)`;
}

const clockMarginMs = 60_000;

/** The least id of version 7 of that moment. */
function idsAt(time: Date, marginMs: number): string {
  const hex = Math.max(0, time.getTime() + marginMs)
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}

/** One statement for each shape of filters: 32 at the most. */
const statements = new Map<string, Statement>();

function prepared(text: string): Statement {
  const known = statements.get(text);
  if (known !== undefined) return known;
  const made = statement(`audit_page_${statements.size}`, text, { readOnly: true });
  statements.set(text, made);
  return made;
}
