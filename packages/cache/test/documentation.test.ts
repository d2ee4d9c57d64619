import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Documentation and code are compared, so that neither can move alone. */
describe('docs/cache.md', () => {
  const guide = read('../../../docs/cache.md');

  it('names every error code, and no other', () => {
    const union = /type CacheErrorCode =([^;]*);/.exec(read('../src/errors.ts'))?.[1] ?? '';
    const codes = [...union.matchAll(/'([a-z_]+)'/g)].map((match) => match[1]);
    const section = guide.slice(guide.indexOf('## Errors'));
    const named = [...section.matchAll(/`([a-z]+_[a-z_]+)`/g)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(3);
    expect(new Set(named)).toEqual(new Set(codes));
  });

  it('names every option, and no other', () => {
    const fields = /interface CacheServiceOptions \{([\s\S]*?)\n\}/.exec(read('../src/options.ts'))?.[1] ?? '';
    const options = [...fields.matchAll(/readonly (\w+)\?:/g)].map((match) => match[1]);
    const section = guide.slice(guide.indexOf('### Options'), guide.indexOf('### Key classes'));
    const rows = [...section.matchAll(/^\| (`[^|]*) \|/gm)].flatMap((row) =>
      [...(row[1] ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1]),
    );
    expect(options.length).toBeGreaterThan(8);
    expect(new Set(rows)).toEqual(new Set(options));
  });

  it('links to every decision about the cache', () => {
    const folder = new URL('../../../docs/decisions/', import.meta.url);
    const decisions = readdirSync(folder).filter((name) => name.startsWith('001'));
    expect(decisions.length).toBeGreaterThan(3);
    for (const name of decisions) expect(guide).toContain(`(decisions/${name})`);
  });
});
