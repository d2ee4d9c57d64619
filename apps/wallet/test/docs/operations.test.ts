import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configVariables, loadConfig } from '../../src/config/config.js';

const operations = readFileSync(fileURLToPath(new URL('../../../../docs/operations.md', import.meta.url)), 'utf8');

interface Row {
  names: string[];
  standard: string;
  allowed: string;
}

/** The rows of the tables below "Every variable", their first cell read as a list of names. */
const rows: Row[] = operations
  .slice(operations.indexOf('## Every variable'))
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, first = '', standard = '', allowed = ''] = line.split('|').map((cell) => cell.trim());
    return { names: quoted(first), standard: quoted(standard)[0] ?? standard, allowed };
  });

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
}

describe('docs/operations.md', () => {
  it('names every variable that the wallet reads, and no other', () => {
    expect(rows.flatMap(({ names }) => names).sort()).toEqual(configVariables());
  });

  it('states the bounds that the wallet keeps to', () => {
    const ranged = rows.flatMap(({ names, allowed }) => {
      const bounds = /^(\d+) to (\d+)(?!\^)\b/.exec(allowed);
      return bounds === null || /characters/.test(allowed)
        ? []
        : [{ name: names[0] as string, min: Number(bounds[1]), max: Number(bounds[2]) }];
    });
    expect(ranged.length).toBeGreaterThan(20);
    for (const { name, min, max } of ranged) {
      for (const inside of [min, max])
        expect(refusalOf({ [name]: String(inside) }, name), `${name}=${inside}`).toBeUndefined();
      for (const outside of [min - 1, max + 1]) {
        expect(refusalOf({ [name]: String(outside) }, name), `${name}=${outside}`).toContain(`${min} to ${max}`);
      }
    }
  });

  it('states the defaults: setting them changes nothing', () => {
    const defaults = rows.filter(
      ({ standard, names }) =>
        /^[\w.@-]+$/.test(standard) && !['none', 'embedded'].includes(standard) && names[0] !== 'DATA_DIR',
    );
    expect(defaults.length).toBeGreaterThan(25);
    const partsOfAnother = /^(DB_(PORT|NAME|USER)|REDIS_)/;
    const own = defaults.filter(
      ({ names }) => !partsOfAnother.test(names[0] as string) && !names[0]?.startsWith('PERF_'),
    );
    const variables = Object.fromEntries(own.map(({ names, standard }) => [names[0], standard]));
    expect(loadConfig(variables, '/data')).toEqual(loadConfig({}, '/data'));
    const address = { DB_HOST: 'db', REDIS_HOST: 'redis' };
    const parts = defaults.filter(({ names }) =>
      /^(DB_(PORT|NAME|USER)|REDIS_(PORT|DB|TLS))$/.test(names[0] as string),
    );
    expect(parts).toHaveLength(6);
    const withParts = { ...address, ...Object.fromEntries(parts.map(({ names, standard }) => [names[0], standard])) };
    expect(loadConfig(withParts, '/data')).toEqual(loadConfig(address, '/data'));
  });
});

/** What the configuration says against this one variable; others that it misses do not count. */
function refusalOf(variables: Record<string, string>, name: string): string | undefined {
  try {
    loadConfig(
      {
        ...(name.startsWith('DB_') ? { DB_HOST: 'db' } : {}),
        ...(name.startsWith('REDIS_') ? { REDIS_HOST: 'redis' } : {}),
        ...variables,
      },
      '/data',
    );
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
