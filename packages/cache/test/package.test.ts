import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { conformanceCases } from '@dunlin/cache/conformance';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly exports: Record<string, { readonly types: string; readonly default: string }>;
}

/** What is published is the built package, which `npm test` brings up to date before the tests run. */
describe('the published package', () => {
  const packed = (): string[] => {
    const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const packages = JSON.parse(json) as
      { files: { path: string }[] }[] | Record<string, { files: { path: string }[] }>;
    return (Object.values(packages)[0]?.files ?? []).map(({ path }) => path);
  };

  it('holds every entry with its types, the scripts for Redis, the licence, and no tests', () => {
    const files = packed();
    const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Manifest;
    expect(Object.keys(manifest.exports)).toEqual([
      '.',
      './fastify',
      './express',
      './node-http',
      './redis',
      './conformance',
      './keyv',
    ]);
    for (const entry of Object.values(manifest.exports))
      for (const target of [entry.types, entry.default]) expect(files).toContain(target.replace('./', ''));
    for (const file of ['LICENSE', 'README.md', 'lua/fill.lua', 'lua/claim.lua']) expect(files).toContain(file);
    expect(files.filter((file) => /mutant|(^|\/)test\//.test(file))).toEqual([]);
  });

  const underNode = (env: Record<string, string>): { status: number | null; stdout: string } =>
    spawnSync(process.execPath, ['--test', '--test-reporter=tap', 'test/support/conformance.node-test.mjs'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 50_000,
      env: { ...process.env, ...env },
    });

  it('its conformance suite runs under another test runner, and notices a cache that lies', () => {
    const sound = underNode({});
    expect(sound.stdout).toContain(`# pass ${conformanceCases({ betweenInstances: false }).length}`);
    expect(sound.status).toBe(0);
    const forgetful = underNode({ FORGETFUL: '1' });
    expect(forgetful.stdout).toMatch(/not ok \d+ - deletes one key/);
    expect(forgetful.status).not.toBe(0);
  });
});
