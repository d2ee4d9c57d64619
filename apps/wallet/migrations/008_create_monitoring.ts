import { monitoringSchemaDown, monitoringSchemaUp } from '@dunlin/monitoring';
import type { MigrationBuilder } from 'node-pg-migrate';

/** Where the monitor keeps alerts, thresholds, rules, mutes, the figures of the fleet and their history. */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(monitoringSchemaUp);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(monitoringSchemaDown);
};
