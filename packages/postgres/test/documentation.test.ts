import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DATABASE_ERROR_KINDS } from '../src/index.js';

const page = readFileSync(new URL('../../../docs/postgres.md', import.meta.url), 'utf8');
const source = (path: string): string => readFileSync(new URL(`../src/${path}`, import.meta.url), 'utf8');

describe('docs/postgres.md', () => {
  it('explains every kind of error, and none that there is not', () => {
    const section = page.slice(page.indexOf('## Errors'), page.indexOf('## Options'));
    const rows = [...section.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual([...DATABASE_ERROR_KINDS].sort());
  });

  it('lists every option, and none that there is not', () => {
    const declared = /export interface DatabaseOptions \{([\s\S]*?)\n\}/.exec(source('options.ts'))?.[1] ?? '';
    const names = [...declared.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1]);
    const section = page.slice(page.indexOf('## Options'), page.indexOf('## Observation'));
    const rows = [...section.matchAll(/^\| ([^|]+) \|/gm)].flatMap((match) =>
      [...(match[1] ?? '').matchAll(/`(\w+)`/g)].map((name) => name[1]),
    );
    expect(names.length).toBeGreaterThan(10);
    expect(rows.sort()).toEqual(names.sort());
  });

  it('knows every kind of recommendation', () => {
    const kinds = /readonly kind: ([^;]+);/.exec(source('indexes/recommendation.ts'))?.[1]?.match(/\w+_index/g) ?? [];
    expect(kinds).toHaveLength(5);
    for (const kind of kinds) expect(page).toContain(`\`${kind}\``);
  });
});
