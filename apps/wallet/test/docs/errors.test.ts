import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { refusalCodes } from '../../src/ledger/operation.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** The ways in which a source names a problem; each gives a status and a code. */
const forms: readonly { pattern: RegExp; status: number; code: number }[] = [
  { pattern: /new Problem\(\s*(\d{3}|statusCode),\s*'([a-z_]+)'/g, status: 1, code: 2 },
  { pattern: /status: (\d{3}),\s*code: '([a-z_]+)'/g, status: 1, code: 2 },
  { pattern: /^ {2}([a-z_]+): \{\s*status: (\d{3}),\s*detail:/gm, status: 2, code: 1 },
  { pattern: /invalid\(outcome, (\d{3}), '([a-z_]+)'\)/g, status: 1, code: 2 },
];

function sources(folder: string): string[] {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(`${root}${folder}/${name}`, 'utf8'));
}

/** Every code in the sources with the statuses that it goes with, as `code 404`. */
function inSources(): Set<string> {
  const found = new Set<string>();
  for (const text of [
    ...sources('apps/wallet/src'),
    ...sources('packages/monitoring/src/http'),
    ...sources('packages/cache/src/http'),
  ]) {
    for (const { pattern, status, code } of forms) {
      for (const match of text.matchAll(pattern)) {
        if (match[status] !== 'statusCode') found.add(`${match[code]} ${match[status]}`);
      }
    }
  }
  return found;
}

function inDocument(): Set<string> {
  const document = readFileSync(`${root}docs/errors.md`, 'utf8');
  const rows = [...document.matchAll(/^\| `([a-z_]+)` \| ([\d, ]+) \|/gm)];
  return new Set(
    rows.flatMap(([, code, statuses]) => (statuses ?? '').split(',').map((status) => `${code} ${status.trim()}`)),
  );
}

describe('docs/errors.md', () => {
  it('lists every problem of the sources with its statuses, and no other', () => {
    expect([...inDocument()].sort()).toEqual([...inSources()].sort());
  });

  it('knows every place where a problem is made of something else than a status and a code as literals', () => {
    const made = [...sources('apps/wallet/src'), ...sources('packages/monitoring/src/http')].join('\n');
    const literal = /^\s*(\d{3},\s*'|statusCode,\s*'|\{\s*status: \d{3},\s*code: ')/;
    const others = [...made.matchAll(/new (?:Http)?Problem\(([^;]{0,60})/g)]
      .map((match) => (match[1] as string).trim().replaceAll(/\s+/g, ' '))
      .filter((start) => !literal.test(start))
      .map((start) => start.split(',').slice(0, 2).join(','));
    // In order: what the monitor's routes say, a ledger's refusal, and the invalid part of a purchase with its two defaults.
    expect(others.sort()).toEqual(['status, code', 'status, code', 'status, refused.code']);
  });

  it('has every refusal of the ledger', () => {
    const documented = new Set([...inDocument()].map((entry) => entry.split(' ')[0]));
    expect(refusalCodes.filter((code) => !documented.has(code))).toEqual([]);
  });
});
