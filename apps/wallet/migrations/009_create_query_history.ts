import { slowQueryHistoryDown, slowQueryHistoryUp } from '@dunlin/postgres';
import type { MigrationBuilder } from 'node-pg-migrate';

/** Where slow statements are kept, with their plans and without any value; bounded by who writes it. */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(slowQueryHistoryUp);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(slowQueryHistoryDown);
};
