import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const preload = fileURLToPath(new URL('../../preload/shifted-clock.mjs', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dunlin-clock-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program with the preload; it finds the path of the clock's file in `file`. */
function run(program: string): unknown {
  const file = join(folder, 'clock');
  writeFileSync(file, '3600000');
  const words = ['--import', preload, '--input-type=module', '-e'];
  const prelude = `import { writeFileSync } from 'node:fs'; const file = ${JSON.stringify(file)};`;
  const environment = { PATH: process.env['PATH'], CHAOS_CLOCK_FILE: file };
  return JSON.parse(
    execFileSync(process.execPath, [...words, prelude + program], { env: environment, encoding: 'utf8' }),
  );
}

it('moves every way of asking for the time of day, and leaves given times alone', () => {
  const [now, made, text, given, isDate, parsed] = run(`
    console.log(JSON.stringify([Date.now(), new Date().getTime(), Date.parse(Date()), new Date(5).getTime(),
      new Date() instanceof Date, Date.parse('1970-01-01T00:00:01Z')]))`) as unknown[];
  for (const one of [now, made, text] as number[]) expect(Math.abs(one - Date.now() - 3_600_000)).toBeLessThan(60_000);
  expect([given, isDate, parsed]).toEqual([5, true, 1_000]);
});

it('lets it jump while the process runs, and the monotonic clock does not follow', () => {
  const [jumpedMs, passedMs] = run(`
    const [wall, monotonic] = [Date.now(), performance.now()];
    // Written again and again: the watch over the file compares it with its first look, which may come after the first time.
    while (Date.now() > wall - 1_000_000 && performance.now() - monotonic < 30_000) {
      writeFileSync(file, '0');
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    console.log(JSON.stringify([Date.now() - wall, performance.now() - monotonic]))`) as [number, number];
  expect(passedMs).toBeLessThan(30_000);
  // Between two looks at the clocks the process may stand still for seconds; the jump is one of an hour.
  expect(Math.abs(jumpedMs + 3_600_000 - passedMs)).toBeLessThan(60_000);
});
