import type { AlertStore, Mute, SharedState } from '../alerts/alert-store.js';
import type { ChangeMarker } from '../alerts/change-marker.js';
import type { RuleDefinition } from '../alerts/rule-definition.js';
import type { StoredAlert } from '../alerts/stored-alert.js';
import type { ThresholdPatch, Thresholds } from '../alerts/thresholds.js';
import type { Queryable } from '../queryable.js';
import { PostgresFleetStore } from './postgres-fleet-store.js';
import { PostgresHistoryStore } from './postgres-history-store.js';

/** Set in front of a statement that changes something: the revision grows in the same transaction as the change. */
const BUMP = 'WITH bumped AS (UPDATE monitoring_revision SET revision = revision + 1)';

interface DocumentRow {
  document: string;
}

const parsed = <Content>(rows: readonly DocumentRow[]): Content[] =>
  rows.map((row) => JSON.parse(row.document) as Content);

/**
 * Keeps alerts, thresholds, rules, mutes, figures of the fleet and history in PostgreSQL, so that they survive restarts and
 * all instances share them. The tables are `monitoringSchemaUp`. Every operation is one statement; numbers and documents
 * travel as text, so it does not matter how the driver parses bigint and jsonb.
 */
export class PostgresMonitoringStore implements AlertStore {
  readonly fleet: PostgresFleetStore;
  readonly history: PostgresHistoryStore;
  readonly #database: Queryable;

  /** The database is borrowed and never closed. */
  constructor(database: Queryable) {
    this.#database = database;
    this.fleet = new PostgresFleetStore(database);
    this.history = new PostgresHistoryStore(database);
  }

  async revision(): Promise<string> {
    const { rows } = await this.#database.query<{ revision: string }>(
      'SELECT revision::text AS revision FROM monitoring_revision',
    );
    return rows[0]?.revision ?? '';
  }

  /** One statement, so that all parts belong to one moment and to the revision that is read with them. */
  async load(): Promise<SharedState> {
    const { rows } = await this.#database.query<DocumentRow>(`
      SELECT json_build_object(
        'revision', (SELECT revision::text FROM monitoring_revision),
        'thresholds', (SELECT coalesce(json_object_agg(name, value), '{}') FROM monitoring_thresholds),
        'open', (SELECT coalesce(json_agg(document), '[]') FROM monitoring_alerts WHERE state <> 'resolved'),
        'resolved', (SELECT coalesce(json_agg(document), '[]') FROM (
          SELECT document FROM monitoring_alerts WHERE state = 'resolved' ORDER BY resolved_at DESC LIMIT 500) AS latest),
        'mutes', (SELECT coalesce(json_agg(document), '[]') FROM monitoring_mutes WHERE until > now()),
        'rules', (SELECT coalesce(json_agg(document ORDER BY name), '[]') FROM monitoring_rules),
        'changes', (SELECT coalesce(json_agg(document), '[]') FROM (
          SELECT document FROM monitoring_changes ORDER BY at DESC, id DESC LIMIT 50) AS latest)
      )::text AS document`);
    return parsed<SharedState>(rows)[0]!;
  }

  insert(stored: StoredAlert): Promise<boolean> {
    const { alert } = stored;
    return this.#write(
      `INSERT INTO monitoring_alerts (id, type, state, resolved_at, version, document)
       VALUES ($1, $2, $3, $4, $5, $6::jsonb) ON CONFLICT (type) WHERE state <> 'resolved' DO NOTHING`,
      [alert.id, alert.type, alert.state, alert.resolvedAt ?? null, stored.version, JSON.stringify(stored)],
    );
  }

  replace(stored: StoredAlert): Promise<boolean> {
    const { alert } = stored;
    const next = { ...stored, version: stored.version + 1 };
    return this.#write(
      `UPDATE monitoring_alerts SET state = $2, resolved_at = $3, version = version + 1, document = $4::jsonb
       WHERE id = $1 AND version = $5`,
      [alert.id, alert.state, alert.resolvedAt ?? null, JSON.stringify(next), stored.version],
    );
  }

  remove(stored: StoredAlert): Promise<boolean> {
    return this.#write('DELETE FROM monitoring_alerts WHERE id = $1 AND version = $2', [
      stored.alert.id,
      stored.version,
    ]);
  }

  async find(id: string): Promise<StoredAlert | undefined> {
    // Compared as text, so that an id that is no UUID is simply not found.
    const { rows } = await this.#database.query<DocumentRow>(
      'SELECT document::text AS document FROM monitoring_alerts WHERE id::text = $1',
      [id],
    );
    return parsed<StoredAlert>(rows)[0];
  }

  async patchThresholds(patch: ThresholdPatch, by: string, at: Date): Promise<void> {
    const set = Object.entries(patch).filter((entry): entry is [keyof Thresholds, number] => entry[1] !== null);
    const dropped = Object.entries(patch).filter((entry) => entry[1] === null);
    await this.#write(
      `, dropped AS (DELETE FROM monitoring_thresholds WHERE name = ANY ($1::text[])),
       kept AS (
         INSERT INTO monitoring_thresholds (name, value, set_by, set_at)
         SELECT name, value, $4, $5 FROM unnest($2::text[], $3::float8[]) AS given (name, value)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_by = excluded.set_by, set_at = excluded.set_at
       )
       INSERT INTO monitoring_changes (at, document) VALUES ($5, $6::jsonb)`,
      [
        dropped.map(([name]) => name),
        set.map(([name]) => name),
        set.map(([, value]) => value),
        by,
        at,
        JSON.stringify({ at: at.toISOString(), kind: 'threshold', by, detail: JSON.stringify(patch) }),
      ],
    );
  }

  async addMute(mute: Mute): Promise<void> {
    const change = {
      at: mute.createdAt,
      kind: 'mute',
      by: mute.createdBy,
      detail: `${mute.type ?? 'all'} until ${mute.until}`,
    };
    await this.#write(
      `, marked AS (INSERT INTO monitoring_changes (at, document) VALUES ($4, $5::jsonb))
       INSERT INTO monitoring_mutes (id, until, document) VALUES ($1, $2, $3::jsonb)`,
      [mute.id, mute.until, JSON.stringify(mute), mute.createdAt, JSON.stringify(change)],
    );
  }

  removeMute(id: string): Promise<boolean> {
    return this.#write('DELETE FROM monitoring_mutes WHERE id::text = $1', [id]);
  }

  async putRule(rule: RuleDefinition, by: string, at: Date): Promise<void> {
    await this.#write(
      `, marked AS (INSERT INTO monitoring_changes (at, document) VALUES ($4, $5::jsonb))
       INSERT INTO monitoring_rules (name, document, set_by, set_at) VALUES ($1, $2::jsonb, $3, $4)
       ON CONFLICT (name) DO UPDATE SET document = excluded.document, set_by = excluded.set_by, set_at = excluded.set_at`,
      [rule.name, JSON.stringify(rule), by, at, ruleChange(by, at, `set ${rule.name}`)],
    );
  }

  removeRule(name: string, by: string, at: Date): Promise<boolean> {
    return this.#write(
      `, gone AS (DELETE FROM monitoring_rules WHERE name = $1 RETURNING name)
       INSERT INTO monitoring_changes (at, document) SELECT $2, $3::jsonb FROM gone`,
      [name, at, ruleChange(by, at, `removed ${name}`)],
    );
  }

  async addChange(change: ChangeMarker): Promise<void> {
    await this.#write('INSERT INTO monitoring_changes (at, document) VALUES ($1, $2::jsonb)', [
      change.at,
      JSON.stringify(change),
    ]);
  }

  async prune(before: Date): Promise<void> {
    await this.#write(
      `, alerts AS (DELETE FROM monitoring_alerts WHERE state = 'resolved' AND resolved_at < $1),
       mutes AS (DELETE FROM monitoring_mutes WHERE until < $1)
       DELETE FROM monitoring_changes WHERE at < $1`,
      [before],
    );
  }

  /** True when a row was changed. A statement that begins with a comma brings more parts of its own for the WITH. */
  async #write(statement: string, values: readonly unknown[]): Promise<boolean> {
    const { rowCount } = await this.#database.query(`${BUMP} ${statement}`, values);
    return rowCount > 0;
  }
}

function ruleChange(by: string, at: Date, detail: string): string {
  return JSON.stringify({ at: at.toISOString(), kind: 'rule', by, detail });
}
