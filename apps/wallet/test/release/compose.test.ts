import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configVariables, loadConfig } from '../../src/config/config.js';
import { ROOT } from '../process/wallet-process.js';

interface Service {
  image?: string;
  build?: string;
  environment?: Record<string, string>;
  secrets?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

const text = readFileSync(join(ROOT, 'compose.yaml'), 'utf8');
const compose = parse(text, { strict: true }) as {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  volumes: Record<string, unknown>;
};
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
const wallet = compose.services['wallet'] as Service;

describe('compose.yaml', () => {
  it('starts the wallet when what it needs is healthy, and says of each how that shows', () => {
    expect(Object.keys(wallet.depends_on ?? {}).sort()).toEqual(['postgres', 'redis']);
    for (const [name, { condition }] of Object.entries(wallet.depends_on ?? {})) {
      expect(condition).toBe('service_healthy');
      expect(compose.services[name]?.healthcheck?.test[0]).toBe('CMD');
    }
    expect(dockerfile).toMatch(/^HEALTHCHECK .*CMD \["node", "apps\/wallet\/dist\/src\/process\/health-check\.js"\]$/m);
    expect(existsSync(join(ROOT, 'apps/wallet/src/process/health-check.ts'))).toBe(true);
  });

  it('sets nothing but variables that the wallet reads, and these make a configuration', () => {
    const environment = wallet.environment ?? {};
    const known = new Set(configVariables());
    for (const name of Object.keys(environment)) expect(known, name).toContain(name);
    const secrets = Object.fromEntries(
      Object.entries(environment).map(([name, value]) =>
        name === 'MASTER_KEY_FILE' ? ['MASTER_KEY', 'ab'.repeat(32)] : [name.replace(/_FILE$/, ''), value],
      ),
    );
    expect(loadConfig(secrets, '/data')).toMatchObject({ database: { kind: 'server' }, redis: { kind: 'single' } });
  });

  it('hands secrets out as files only, each of which is declared, made by the words above, and ignored by git and docker', () => {
    const ignored = ['.gitignore', '.dockerignore'].map((file) => readFileSync(join(ROOT, file), 'utf8').split('\n'));
    for (const [name, service] of Object.entries(compose.services)) {
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (!/PASSWORD|KEY|SECRET|TOKEN/.test(variable)) continue;
        expect(variable, name).toMatch(/_FILE$/);
        expect(service.secrets).toContain(value.replace('/run/secrets/', ''));
      }
      for (const secret of service.secrets ?? []) {
        expect(compose.secrets[secret]?.file).toBe(`./secrets/${secret}`);
        expect(text).toContain(`>secrets/${secret}`);
      }
    }
    expect(ignored[0]).toContain('/secrets/');
    expect(ignored[1]).toContain('secrets');
  });

  it('declares every volume that it mounts', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) =>
      volumes.map((one) => one.split(':')[0]),
    );
    expect(Object.keys(compose.volumes).sort()).toEqual([...new Set(mounted)].sort());
    expect(dockerfile).toContain('VOLUME /data');
  });
});

describe('Dockerfile', () => {
  it('runs as nobody in particular, ends on SIGTERM, and keeps its build tools out', () => {
    const final = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    expect(final).toMatch(/^USER node$/m);
    expect(final).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(final).not.toMatch(/npm/);
    expect(final.indexOf('USER node')).toBeLessThan(final.indexOf('\nCMD '));
  });
});
