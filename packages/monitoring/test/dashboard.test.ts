import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const rulesFile = path('../prometheus/dunlin.rules.yml');
const rules = readFileSync(rulesFile, 'utf8');
const dashboard = readFileSync(path('../grafana/dunlin.json'), 'utf8');
const documentation = readFileSync(path('../../../docs/metrics.md'), 'utf8');

const documented = new Set([...documentation.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map((match) => match[1]!));
/** Every metric's name in a text, as docs/metrics.md has it: a histogram's without what its series end with. */
function namesIn(text: string): Set<string> {
  const names = [...text.matchAll(/\b(?<!job:)(?:dunlin|http|db|process|nodejs)_[a-z0-9_]+\b/g)].map(([name]) => name);
  const plain = names.filter((name) => !/^(http_request_method|http_route|dunlin_money_error_ratio)$/.test(name));
  return new Set(plain.map((name) => (documented.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''))));
}

describe('the dashboard and the alert rules', () => {
  it('use no metric that docs/metrics.md does not have', () => {
    for (const name of [...namesIn(dashboard), ...namesIn(rules)]) expect(documented, name).toContain(name);
  });

  it('leave out no metric: the dashboard shows each', () => {
    expect([...namesIn(dashboard)].sort()).toEqual([...documented].sort());
  });

  it('give each panel and each variable an id, a place and a source of its own', () => {
    const { panels, templating } = JSON.parse(dashboard) as {
      panels: {
        id: number;
        type: string;
        gridPos: { x: number; y: number; w: number; h: number };
        targets?: { refId: string }[];
      }[];
      templating: { list: { name: string }[] };
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x},${y}`)).size).toBe(panels.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (const { targets = [] } of panels) expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    const used = new Set(
      [...dashboard.matchAll(/\$\{?(\w+)/g)].map((match) => match[1]!).filter((name) => !name.startsWith('__')),
    );
    expect([...used].sort()).toEqual(templating.list.map(({ name }) => name).sort());
  });
});

// With CI=true it is never skipped: a machine without it fails by name.
const skipPromtool = spawnSync('promtool', ['--version']).status !== 0 && process.env['CI'] !== 'true';

function promtool(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { timeout: 30_000 });
  return { status, said: `${String(stdout)}${String(stderr)}` };
}

describe.skipIf(skipPromtool)('the alert rules, by promtool (skipped without it: apt-get install prometheus)', () => {
  it('have nothing that it complains of', () => {
    const { status, said } = promtool('check', 'rules', '--lint-fatal', rulesFile);
    expect(status, said).toBe(0);
  });

  it('fire when all transfers fail for a while, and not for one that fails among thousands', () => {
    const labels = 'job="wallet",instance="a",http_request_method="POST",http_route="/wallet/transfers"';
    const series = (job: string, requests: string, errors: string) =>
      [
        ['dunlin_http_requests_total', requests],
        ['dunlin_http_server_errors_total', errors],
        ['dunlin_http_aborted_total', '0x120'],
      ].map(([name, values]) => ({ series: `${name}{${labels.replace('wallet"', `${job}"`)}}`, values }));
    const firing = {
      exp_labels: { severity: 'critical', job: 'bad' },
      exp_annotations: {
        summary: 'Calls that move money on bad fail: 2 % of 30 days within an hour of the error budget',
        description: 'The failed share over 1h is 100%.',
      },
    };
    const test = {
      rule_files: [rulesFile],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: [...series('bad', '0+60x120', '0+60x120'), ...series('good', '0+6000x120', '0+1x120')],
          alert_rule_test: [{ eval_time: '90m', alertname: 'DunlinErrorBudgetBurnFast', exp_alerts: [firing] }],
        },
      ],
    };
    const folder = mkdtempSync(join(tmpdir(), 'dunlin-rules-'));
    const file = join(folder, 'test.yml');
    writeFileSync(file, JSON.stringify(test));
    const { status, said } = promtool('test', 'rules', file);
    rmSync(folder, { recursive: true });
    expect(status, said).toBe(0);
  });
});
