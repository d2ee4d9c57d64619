import { maintenanceDown, maintenanceUp, slowQueryHistoryDown, slowQueryHistoryUp } from '@dunlin/postgres';
import type { MigrationBuilder } from 'node-pg-migrate';

/** Where slow statements are kept, with their plans and without any value, and what each maintenance run did. */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(slowQueryHistoryUp);
  pgm.sql(maintenanceUp);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(maintenanceDown);
  pgm.sql(slowQueryHistoryDown);
};
