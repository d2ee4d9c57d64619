import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { builtInRules } from '../src/alerts/built-in-rules.js';
import { LEAST_FAILURES } from '../src/alerts/burn-rate.js';
import { DEFAULT_BURN_WINDOWS, DEFAULT_THRESHOLDS, RELATIVE_ERROR, THRESHOLD_BOUNDS } from '../src/index.js';
import * as library from '../src/index.js';
import { parseRule } from '../src/alerts/rule-definition.js';

const monitoring = readFileSync(new URL('../../../docs/monitoring.md', import.meta.url), 'utf8');
/** Line breaks are the formatter's. */
const prose = monitoring.replace(/\s+/g, ' ');

function rowsBelow(heading: string): string[][] {
  const [, rest = ''] = monitoring.split(`${heading}\n`);
  const table = /\n\|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(`\n${rest}`)?.[1] ?? '';
  return table
    .split('\n')
    .filter(Boolean)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('docs/monitoring.md', () => {
  it('has each built-in rule with its threshold, its variable and its samples', () => {
    const rules = builtInRules(DEFAULT_THRESHOLDS, 30_000);
    const rows = rowsBelow('## Alerts');
    expect(rows.map(([type]) => type)).toEqual(rules.map(({ type }) => `\`${type}\``));
    for (const [place, { threshold, minSamples }] of rules.entries()) {
      const [, , stated = '', samples = ''] = rows[place]!;
      const [name] = Object.entries(DEFAULT_THRESHOLDS).find(([key]) => stated.includes(`\`${key}\``)) ?? [];
      if (name === undefined) expect(stated).toBe(String(threshold));
      else expect(stated).toBe(`\`${name}\` ${threshold}, \`${THRESHOLD_BOUNDS[name as 'cpuUsagePercent'].variable}\``);
      expect(samples.replace(' s', '')).toBe(String(minSamples));
    }
  });

  it('has the pairs of windows of an error budget', () => {
    const spoken = (seconds: number): string =>
      seconds >= 3600 ? `${seconds / 3600} hour${seconds === 3600 ? '' : 's'}` : `${seconds / 60} minutes`;
    expect(rowsBelow('### Error budgets').map((row) => row.slice(0, 3))).toEqual(
      DEFAULT_BURN_WINDOWS.map(({ longSeconds, shortSeconds, factor, severity }) => [
        `${spoken(longSeconds)} and ${spoken(shortSeconds)}`,
        String(factor),
        severity,
      ]),
    );
    expect(prose).toContain('under five failures');
    expect(LEAST_FAILURES).toBe(5);
  });

  it('has an example of a burn-rate rule that is taken', () => {
    const [, example = ''] = /```json\n([\s\S]+?)```/.exec(monitoring) ?? [];
    expect(parseRule(JSON.parse(example))).toMatchObject({ metric: 'slo.burnRate' });
  });

  it('names exports that there are', () => {
    const names = [...monitoring.matchAll(/`(\w+(?:Channel|Exporter|Buffer|Error|Service|Store))(?:\([^`]*\))?`/g)].map(
      ([, name]) => name!,
    );
    expect(names.length).toBeGreaterThan(8);
    for (const name of new Set(names)) expect(library, name).toHaveProperty(name);
  });

  it('states the error of a quantile as it is', () => {
    expect(prose).toContain(`at most ${(100 * RELATIVE_ERROR).toFixed(2)} % error`);
  });
});
