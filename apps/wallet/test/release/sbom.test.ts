import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import * as formats from 'ajv-formats';
import { expect, it } from 'vitest';
import { ROOT } from '../process/wallet-process.js';

interface Component {
  'bom-ref': string;
  name: string;
  version: string;
  hashes?: { alg: string; content: string }[];
}
interface Bom {
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const make = (): string =>
  execFileSync(process.execPath, [join(ROOT, 'scripts/sbom.mjs')], {
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 26,
  }).toString();
const text = make();
const bom = JSON.parse(text) as Bom;
const manifest = (folder: string): { dependencies?: Record<string, string> } =>
  JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { dependencies?: Record<string, string> };

it('is valid by the schema of CycloneDX 1.5', () => {
  const library = createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json');
  const schema = (name: string): object =>
    JSON.parse(readFileSync(join(dirname(library), 'res/schema', name), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, validateFormats: true, allErrors: true });
  (formats.default as unknown as (ajv: Ajv) => void)(ajv);
  ajv.addFormat('iri-reference', true).addFormat('idn-email', true);
  // The schema refers to them by their files' names, relative to its own address.
  for (const name of ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json']) {
    ajv.addSchema({ ...schema(name), $id: `http://cyclonedx.org/schema/${name}` });
  }
  const validate = ajv.compile(schema('bom-1.5.SNAPSHOT.schema.json'));
  expect(validate(bom), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ ...bom, components: [{ name: 'nameless type' }] })).toBe(false);
});

it('names everything that the wallet and its libraries depend on, and nothing that they are only built with', () => {
  const names = new Set(bom.components.map(({ name }) => name));
  const libraries = ['cache', 'embedded', 'monitoring', 'offline', 'postgres'].map((name) => `packages/${name}`);
  for (const folder of ['apps/wallet', ...libraries]) {
    for (const name of Object.keys(manifest(folder).dependencies ?? {}))
      expect(names, `${folder}: ${name}`).toContain(name);
  }
  for (const tool of ['typescript', 'vitest', 'eslint', 'vite', 'autocannon', '@dunlin/testkit'])
    expect(names).not.toContain(tool);
  // What these need in turn.
  for (const name of ['find-my-way', 'pg-protocol', 'redis-parser']) expect(names).toContain(name);
});

it('has the checksum of every package that comes from elsewhere, and edges between known ones only', () => {
  const known = new Set([bom.metadata.component, ...bom.components].map((one) => one['bom-ref']));
  expect(known.size).toBe(bom.components.length + 1);
  for (const { ref, dependsOn } of bom.dependencies)
    for (const one of [ref, ...dependsOn]) expect(known).toContain(one);
  const without = bom.components.filter(({ hashes = [] }) => !hashes.some(({ alg }) => alg === 'SHA-512'));
  expect(without.map(({ name }) => name).filter((name) => !name.startsWith('@dunlin/'))).toEqual([]);
});

it('is the same bytes each time, and tells nothing of this machine', () => {
  expect(make()).toBe(text);
  expect(text).not.toContain(ROOT);
  expect(text).not.toMatch(/registry|timestamp|https?:\/\/(?!cyclonedx\.org)/);
});
