import { statement } from '@dunlin/postgres';
import type { Origin } from '../ledger/operation.js';
import type { Queryable } from '../ledger/queryable.js';

/** Who did something, from where, and with what. */
export interface AuditOrigin extends Origin {
  userAgent: string | null;
}

/** For what the program does by itself, at its start or on a schedule. */
export const unattended: AuditOrigin = Object.freeze({
  actorId: null,
  address: null,
  correlationId: null,
  userAgent: null,
});

/** One thing that was done. `action` is a word of `docs/operations.md`; `userId` is whom it concerns. */
export interface AuditEvent {
  action: string;
  origin: AuditOrigin;
  userId?: string;
  /** What else there is to know; holds no secret. */
  detail?: Record<string, unknown>;
}

/** The values that `auditInsert` takes from its parameter `first` on. */
export const auditValues = ({ action, origin }: AuditEvent): unknown[] => [
  action,
  origin.actorId,
  origin.address,
  origin.userAgent,
  origin.correlationId,
];

/**
 * The insert of an audit row as a part of a statement that changes something, so that neither is there without the other: one row for
 * each row of `from` (a common table expression). `user` and `detail` are SQL over it; `first` is the number of the first of the
 * five parameters that `auditValues` fills.
 */
export function auditInsert(part: { from: string; user: string; detail?: string; first: number }): string {
  const [action, actor, address, agent, correlation] = [0, 1, 2, 3, 4].map((at) => `$${part.first + at}`);
  return `insert into audit_log (id, action, actor_id, user_id, detail, address, user_agent, correlation_id)
     select uuid_v7(), ${action}::text, coalesce(${actor}::uuid, ${part.user}), ${part.user}, ${part.detail ?? 'null::jsonb'},
            ${address}::inet, ${agent}::text, ${correlation}::text
       from ${part.from}`;
}

const insertEvent = statement(
  'audit_insert',
  `insert into audit_log (id, action, actor_id, user_id, detail, address, user_agent, correlation_id)
   values (uuid_v7(), $1, $2, $6, $7, $3, $4, $5)`,
);

/** Writes one event that is no part of another statement. */
export async function recordAudit(database: Queryable, event: AuditEvent): Promise<void> {
  const detail = event.detail === undefined ? null : JSON.stringify(event.detail);
  await database.query(insertEvent, [...auditValues(event), event.userId ?? null, detail]);
}
