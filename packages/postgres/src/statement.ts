/** A statement that is prepared once per connection under its name and from then on only bound and executed. */
export interface Statement {
  /** Unique in the program; also what figures and slow-query reports call it. */
  readonly name: string;
  readonly text: string;
  /** True promises that it changes nothing: it may then be repeated after a lost connection, or sent to a replica. */
  readonly readOnly: boolean;
}

const LONGEST_NAME_BYTES = 63;

/**
 * Declares a named prepared statement; do it once, at the top of a module.
 *
 * Prepared statements save parsing on every call and, once PostgreSQL settles for a generic plan, planning too.
 * Beware of partial indexes: a generic plan cannot use `WHERE status = 'active'` for `status = $1`, so write the
 * literal into the text.
 */
export function statement(name: string, text: string, options: { readOnly?: boolean } = {}): Statement {
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes === 0 || sizeBytes > LONGEST_NAME_BYTES) {
    // PostgreSQL would cut a longer name silently, and two statements could then share one.
    throw new RangeError(
      `A statement's name has 1 to ${LONGEST_NAME_BYTES} bytes; ${JSON.stringify(name)} has ${sizeBytes}`,
    );
  }
  return Object.freeze({ name, text, readOnly: options.readOnly ?? false });
}
