import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';

const docs = fileURLToPath(new URL('../../../../docs', import.meta.url));
const folder = join(docs, 'runbooks');
const read = (path: string): string => readFileSync(path, 'utf8');
const runbooks = readdirSync(folder).filter((name) => name !== 'README.md');
const program = createProgram({}, new AbortController().signal, () => undefined);

/** `keys rotate --reason`, of a program that has the command and the option. */
function refusalOf(line: string): string | undefined {
  let command = program;
  for (const word of line.split(/\s+/)) {
    const below = command.commands.find((one) => one.name() === word);
    if (below !== undefined) command = below;
    else if (word.startsWith('--') && !command.options.some(({ long }) => long === word)) return `no option ${word}`;
    else if (command === program) return `no command ${word}`;
  }
  return undefined;
}

describe.each(runbooks)('docs/runbooks/%s', (name) => {
  const text = read(join(folder, name));

  it('is in the list, and has what shows it, what to do and how to see that it is over', () => {
    expect(read(join(folder, 'README.md'))).toContain(`(${name})`);
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(sections).toEqual(expect.arrayContaining(['What shows it', 'What to do', 'How to see that it is over']));
  });

  it('names commands and options that there are', () => {
    const lines = [...text.matchAll(/dunlin ((?:[a-z]+)(?: [^`\n;#]*)?)/g)].map(([, line]) => line ?? '');
    const commands = lines.filter((line) => !line.startsWith('reconcile` '));
    expect(commands.length).toBeGreaterThan(0);
    for (const line of commands) expect(refusalOf(line.trim()), line).toBeUndefined();
  });

  it('names variables, metrics, alerts and errors that the other documents know', () => {
    const known = ['operations.md', 'metrics.md', 'monitoring.md', 'errors.md', 'postgres.md', 'offline-tokens.md']
      .map((file) => read(join(docs, file)))
      .join('\n');
    const rules = read(join(docs, '../packages/monitoring/prometheus/dunlin.rules.yml'));
    for (const [metric] of text.matchAll(/\bdunlin_[a-z_]+/g)) expect(known, metric).toContain(metric);
    for (const [, alert] of text.matchAll(/`(Dunlin[A-Za-z]+)`/g)) expect(rules).toContain(`alert: ${alert}`);
    for (const [variable] of text.matchAll(/\b[A-Z]{2,}_[A-Z_]*[A-Z]\b/g)) expect(known, variable).toContain(variable);
    for (const [, code] of text.matchAll(/\b(?:4\d\d|5\d\d) `([a-z_]+)`/g)) expect(known).toContain(code);
  });

  it('links to what there is', () => {
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(resolve(dirname(join(folder, name)), target)), target).toBe(true);
    }
  });
});
