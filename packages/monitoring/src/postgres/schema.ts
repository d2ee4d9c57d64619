/**
 * The tables of the PostgreSQL store, for a migration. Every alert is one document beside the columns that queries need;
 * the partial unique index is what keeps two instances from opening two alerts for one cause.
 */
export const monitoringSchemaUp = `
CREATE TABLE monitoring_revision (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  revision bigint NOT NULL DEFAULT 0
);
INSERT INTO monitoring_revision DEFAULT VALUES;

CREATE TABLE monitoring_alerts (
  id uuid PRIMARY KEY,
  type text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
  resolved_at timestamptz,
  version integer NOT NULL,
  document jsonb NOT NULL
);
CREATE UNIQUE INDEX monitoring_alerts_one_open ON monitoring_alerts (type) WHERE state <> 'resolved';
CREATE INDEX monitoring_alerts_resolved ON monitoring_alerts (resolved_at DESC) WHERE state = 'resolved';

CREATE TABLE monitoring_thresholds (
  name text PRIMARY KEY,
  value double precision NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL
);

CREATE TABLE monitoring_mutes (
  id uuid PRIMARY KEY,
  until timestamptz NOT NULL,
  document jsonb NOT NULL
);

CREATE TABLE monitoring_rules (
  name text PRIMARY KEY,
  document jsonb NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL
);

CREATE TABLE monitoring_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  document jsonb NOT NULL
);

CREATE TABLE monitoring_instances (
  instance_id text PRIMARY KEY,
  published_at timestamptz NOT NULL,
  -- The minute's window and the gauges come every second, the longer windows every fifth: apart, so that what is not
  -- sent is not written again. Text, since nothing in the database looks inside.
  document text NOT NULL,
  long_windows text NOT NULL
);

CREATE TABLE monitoring_history (
  instance_id text NOT NULL,
  at timestamptz NOT NULL,
  document jsonb NOT NULL,
  PRIMARY KEY (at, instance_id)
);
`;

export const monitoringSchemaDown = `
DROP TABLE monitoring_history, monitoring_instances, monitoring_changes, monitoring_rules,
  monitoring_mutes, monitoring_thresholds, monitoring_alerts, monitoring_revision;
`;
