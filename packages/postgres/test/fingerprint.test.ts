import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprint, withoutValues } from '../src/index.js';
import { isSingleStatement, tokenize } from '../src/queries/sql-lexer.js';

const same = (a: string, b: string): void => expect(fingerprint(a).id, `${a} / ${b}`).toBe(fingerprint(b).id);
const differ = (a: string, b: string): void => expect(fingerprint(a).id, `${a} / ${b}`).not.toBe(fingerprint(b).id);

// The situations are those of OpenTelemetry's suite for SQL sanitising, in PostgreSQL's syntax. It differs in two
// points on purpose: comments are dropped (they carry trace ids), and `$1` becomes `?` (so that lists fold).
describe('values out of a statement', () => {
  it.each([
    // Numbers and their signs.
    ['SELECT a FROM t WHERE n=12', 'SELECT a FROM t WHERE n=?'],
    ['SELECT a FROM t WHERE n = 12', 'SELECT a FROM t WHERE n = ?'],
    ['SELECT a FROM t WHERE n>=-12', 'SELECT a FROM t WHERE n>=?'],
    ['SELECT a FROM t WHERE n<-12', 'SELECT a FROM t WHERE n<?'],
    ['SELECT a FROM t WHERE n <.5', 'SELECT a FROM t WHERE n <?'],
    ['SELECT 3.25', 'SELECT ?'],
    ['SELECT -3.25', 'SELECT ?'],
    ['SELECT -3.25e-7', 'SELECT ?'],
    ['SELECT 4E+2', 'SELECT ?'],
    ['SELECT +0.5', 'SELECT ?'],
    ['SELECT .5', 'SELECT ?'],
    ['-8', '?'],
    ['SELECT 0x1fAC', 'SELECT ?'],
    ['SELECT 1_000_000', 'SELECT ?'],
    ['SELECT 3/4/5', 'SELECT ?/?/?'],
    // What looks like a number and is none.
    ['SELECT x + y', 'SELECT x + y'],
    ['SELECT c2 FROM t_45 WHERE x<>7', 'SELECT c2 FROM t_45 WHERE x<>?'],
    ['SELECT BEEF', 'SELECT BEEF'],
    ['SELECT * FROM "t9" WHERE "c 1"=1', 'SELECT * FROM "t9" WHERE "c 1"=?'],
    // Strings of every kind.
    ["SELECT a FROM t WHERE s = ''", 'SELECT a FROM t WHERE s = ?'],
    ["SELECT a FROM t WHERE s = 'two words'", 'SELECT a FROM t WHERE s = ?'],
    ["SELECT a FROM t WHERE s = 'it''s'", 'SELECT a FROM t WHERE s = ?'],
    ["SELECT a FROM t WHERE s = '\\'", 'SELECT a FROM t WHERE s = ?'],
    ["SELECT a FROM t WHERE s = E'it\\'s'", 'SELECT a FROM t WHERE s = ?'],
    ['SELECT a FROM t WHERE s = \'"in double"\'', 'SELECT a FROM t WHERE s = ?'],
    ["SELECT a FROM t WHERE s = '$$'", 'SELECT a FROM t WHERE s = ?'],
    ['SELECT a FROM t WHERE s = $$it\'s "so"$$', 'SELECT a FROM t WHERE s = ?'],
    ['SELECT a FROM t WHERE s = $x$ $$ $x$', 'SELECT a FROM t WHERE s = ?'],
    ["SELECT U&'d\\0061t', B'101', x'ff'", 'SELECT ?, ?, ?'],
    ["SELECT date '2026-01-01', now() - interval '1 day'", 'SELECT date ?, now() - interval ?'],
    ["SELECT a FROM tableओ7 WHERE s = 'ɣ'", 'SELECT a FROM tableओ7 WHERE s = ?'],
    // White space, comments, parameters, the end.
    ['SELECT   a \t\r\n FROM  t', 'SELECT a FROM t'],
    ['SELECT a -- secret 1\n FROM t /* a /* nested */ one */ WHERE n = 1', 'SELECT a FROM t WHERE n = ?'],
    ['SELECT a FROM t WHERE n = $1 ;', 'SELECT a FROM t WHERE n = ?'],
    ["SELECT 'never ends", 'SELECT ?'],
    // Lists.
    ['SELECT a FROM t WHERE n IN (1,2,3)', 'SELECT a FROM t WHERE n IN (?)'],
    [
      "select 'a' IN(x, 'b') from t where n in (1) and z IN( '3', '4' )",
      'select ? IN(x, ?) from t where n in (?) and z IN(?)',
    ],
    ['SELECT a FROM t WHERE n = ANY (ARRAY[$1, $2])', 'SELECT a FROM t WHERE n = ANY (ARRAY[?])'],
    ['INSERT INTO t VALUES (1, now()), (2, now()), (3, now())', 'INSERT INTO t VALUES (?, now())'],
    ['INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)', 'INSERT INTO t (a, b) VALUES (?)'],
    ['SELECT a FROM t WHERE n IN ($1 /*, ... */)', 'SELECT a FROM t WHERE n IN (?)'],
    ['', ''],
  ])('%s', (text, shape) => expect(withoutValues(text)).toBe(shape));

  it('takes a list of ten thousand in one breath', () => {
    const text = `SELECT a FROM t WHERE n IN (${Array.from({ length: 10_000 }, (_, i) => i).join(', ')})`;
    expect(withoutValues(text)).toBe('SELECT a FROM t WHERE n IN (?)');
  });

  it('never lets a quoted value through, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), (value, number) => {
        const literal = `'${value.replaceAll("'", "''")}'`;
        expect(withoutValues(`SELECT a FROM t WHERE s = ${literal} AND n = ${number}`)).toBe(
          'SELECT a FROM t WHERE s = ? AND n = ?',
        );
      }),
    );
  });
});

describe('a fingerprint', () => {
  it('is the same for other values, case, layout, list lengths and comments', () => {
    same('SELECT a FROM t WHERE n = 1', "select A from T where N='x' -- why");
    same('SELECT a FROM t WHERE n IN ($1, $2)', 'SELECT a FROM t WHERE n IN ($1)');
    same('SELECT a FROM t LIMIT 5', 'SELECT a FROM t LIMIT $1');
    same('SELECT a,b FROM t', 'SELECT a, b FROM t');
  });

  it('tells other statements apart', () => {
    differ('SELECT a FROM t', 'SELECT b FROM t');
    differ('SELECT a FROM t WHERE n = 1', 'SELECT a FROM t WHERE n > 1');
    differ('SELECT "A" FROM t', 'SELECT "a" FROM t');
  });
});

describe('one statement or several', () => {
  it.each([
    ['SELECT 1', true],
    ['SELECT 1;', true],
    ["SELECT ';'", true],
    ['SELECT 1; DROP TABLE t', false],
    ['SELECT $$;$$; -- ;', true],
    ['SELECT 1 /* ; */ ; ;', true],
    ['', false],
  ])('%s', (text, single) => expect(isSingleStatement(tokenize(text))).toBe(single));
});
