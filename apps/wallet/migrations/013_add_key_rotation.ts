import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * A signing key is published before it signs, so that whoever verifies has it by then: `signs_from`. The key before it is retired at the
 * same instant, which may therefore lie ahead; the unique index on the keys that are not retired still allows one of each purpose.
 * The default is cut to milliseconds, not rounded: a key that is read back by the statement after its own must sign already.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    alter table signing_keys add column signs_from timestamptz(3) not null default date_trunc('milliseconds', now());
    comment on column signing_keys.signs_from is 'from when the key signs; before that it only verifies';
    comment on column signing_keys.retired_at is 'from when the key signs nothing new; may lie ahead';
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    alter table signing_keys drop column signs_from;
    comment on column signing_keys.retired_at is 'since when the key signs nothing new';
  `);
};
