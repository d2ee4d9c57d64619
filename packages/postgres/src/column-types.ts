import pg from 'pg';

type Parser = (text: string) => unknown;
export interface ColumnTypes {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown;
}

const INT8 = 20;
const INT8_ARRAY = 1016;
const DATE = 1082;
const TIMESTAMP = 1114;
const DATE_ARRAY = 1182;
const TIMESTAMP_ARRAY = 1115;
const TEXT = 25;
const TEXT_ARRAY = 1009;

/**
 * How column values become JavaScript values, for the queries of one `Database` and nobody else's: the driver's
 * global table is never touched.
 *
 * int8 is `bigint`, because money and counters pass 2^53 without a sound in a `number`; timestamptz is `Date`; date
 * and timestamp without a zone stay text, because the driver would read them in the time zone that the process happens
 * to run in; numeric stays text; json is parsed; the rest is the driver's choice.
 */
export const columnTypes: ColumnTypes = createColumnTypes();

function createColumnTypes(): ColumnTypes {
  const text = driverParser(TEXT);
  const textArray = driverParser(TEXT_ARRAY);
  const own = new Map<number, Parser>([
    [INT8, BigInt],
    [INT8_ARRAY, (value) => asBigints(textArray(value) as unknown[])],
    [DATE, text],
    [TIMESTAMP, text],
    [DATE_ARRAY, textArray],
    [TIMESTAMP_ARRAY, textArray],
  ]);
  return {
    getTypeParser: (oid, format) =>
      (format === 'binary' ? driverParser(oid, 'binary') : own.get(oid)) ?? driverParser(oid),
  };
}

function asBigints(elements: unknown[]): unknown[] {
  return elements.map((element) => {
    if (element === null) return null;
    return Array.isArray(element) ? asBigints(element as unknown[]) : BigInt(element as string);
  });
}

function driverParser(oid: number, format: 'text' | 'binary' = 'text'): Parser {
  return format === 'binary'
    ? (pg.types.getTypeParser(oid, 'binary') as Parser)
    : (pg.types.getTypeParser(oid) as Parser);
}
