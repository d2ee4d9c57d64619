import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const read = (path: string): string => readFileSync(root + path, 'utf8');
const architecture = read('docs/architecture.md');

function section(title: string): string {
  const from = architecture.indexOf(`## ${title}`);
  const to = architecture.indexOf('\n## ', from + 1);
  return architecture.slice(from, to < 0 ? undefined : to);
}

describe('docs/architecture.md', () => {
  it('names no test that is not there, and for each of the nine promises one that is', () => {
    const rows = section('The nine promises')
      .split('\n')
      .filter((line) => /^\| \d/.test(line));
    expect(rows).toHaveLength(9);
    for (const row of rows) {
      const tests = [...row.matchAll(/`([^`]+\.test\.ts)`/g)].map((match) => match[1] as string);
      expect(tests, row).not.toEqual([]);
      const missing = tests.filter(
        (path) => !existsSync(root + (path.startsWith('packages/') ? '' : 'apps/wallet/test/') + path),
      );
      expect(missing, row).toEqual([]);
    }
  });

  it('says where each file of the summary lives now, and is right', () => {
    const rows = section('The files of the original summary')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows).toHaveLength(11);
    const places = rows.flatMap((row) =>
      [...(row.split('|')[2] ?? '').matchAll(/`((?:apps|packages)\/[^`]+)`/g)].map((match) => match[1] as string),
    );
    expect(places.length).toBeGreaterThanOrEqual(rows.length);
    expect(places.filter((path) => !existsSync(root + path))).toEqual([]);
  });

  it('draws every folder of the wallet and every package', () => {
    const folders = readdirSync(`${root}apps/wallet/src`, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    expect(folders.filter(({ name }) => !architecture.includes(`src/${name}/`)).map(({ name }) => name)).toEqual([]);
    const packages = readdirSync(`${root}packages`);
    expect(packages.filter((name) => !architecture.includes(`@dunlin/${name}`))).toEqual([]);
  });
});

describe('docs/decisions/README.md', () => {
  const index = read('docs/decisions/README.md');
  const records = readdirSync(`${root}docs/decisions`).filter((name) => /^\d{4}-.*\.md$/.test(name));

  it('lists every record by its own title, and no other', () => {
    const listed = [...index.matchAll(/^- \[(\d{4} [^\]]+)\]\(([^)]+)\)/gm)].map(
      ([, title, path]) => `${path}: # ${title}`,
    );
    expect(listed).toEqual(records.map((name) => `${name}: ${read(`docs/decisions/${name}`).split('\n')[0]}`));
  });
});

describe('links of the documents', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'docs/architecture.md',
    'docs/operations.md',
    'docs/errors.md',
    'docs/security.md',
    'docs/decisions/README.md',
  ];
  it.each(documents)('%s links to nothing that is not there', (path) => {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const links = [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) => match[1] as string);
    expect(links.filter((link) => !existsSync(root + folder + link))).toEqual([]);
  });
});
