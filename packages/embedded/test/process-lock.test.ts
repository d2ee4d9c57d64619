import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { linkSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryProcessLock } from '../src/process-lock.js';

const PROGRAM = fileURLToPath(new URL('./programs/take-lock.mjs', import.meta.url));
let folder: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = makeScratchFolder();
  path = join(folder, 'lock');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  removeScratchFolder(folder);
});

/** A process id that was in use a moment ago and is not now. */
function deadPid(): number {
  return spawnSync('/bin/true').pid;
}

function deadClaim(nonce: string): string {
  return JSON.stringify({ pid: deadPid(), mark: 'gone', nonce });
}

test('one holder at a time; released, it can be had again, and no file stays behind', () => {
  const first = tryProcessLock(path);
  if (first.kind !== 'acquired') throw new Error('the lock was free');
  expect(tryProcessLock(path)).toEqual({ kind: 'held', pid: process.pid });
  first.release();
  const second = tryProcessLock(path);
  expect(second.kind).toBe('acquired');
  if (second.kind === 'acquired') second.release();
  expect(readdirSync(folder)).toEqual([]);
});

test('the lock of a process that died is taken over', () => {
  writeFileSync(path, deadClaim('x'));
  expect(tryProcessLock(path).kind).toBe('acquired');
  expect(readdirSync(folder)).toEqual(['lock']);
});

test('a living process that has got the id of a dead holder does not count as the holder', () => {
  writeFileSync(path, JSON.stringify({ pid: process.ppid, mark: 'another boot/1', nonce: 'x' }));
  expect(tryProcessLock(path).kind).toBe('acquired');
});

test('a takeover that died half way is succeeded, and one that lives is respected', () => {
  writeFileSync(path, deadClaim('x'));
  writeFileSync(`${path}.after-x`, deadClaim('y'));
  expect(tryProcessLock(path).kind).toBe('acquired');
  expect(readdirSync(folder)).toEqual(['lock']);

  const living = join(folder, 'other');
  tryProcessLock(living);
  writeFileSync(path, deadClaim('z'));
  linkSync(living, `${path}.after-z`);
  expect(tryProcessLock(path)).toEqual({ kind: 'held', pid: process.pid });
});

test('a file without content, as a power cut leaves it, is taken over', () => {
  writeFileSync(path, '');
  expect(tryProcessLock(path).kind).toBe('acquired');
});

test("release leaves a lock alone that is somebody else's by now", () => {
  const lock = tryProcessLock(path);
  const other = JSON.stringify({ pid: 1, mark: null, nonce: 'other' });
  writeFileSync(path, other);
  if (lock.kind === 'acquired') lock.release();
  expect(readFileSync(path, 'utf8')).toBe(other);
});

test('of many processes that find a dead holder at the same moment, exactly one gets the lock', async () => {
  for (let round = 0; round < 3; round += 1) {
    writeFileSync(path, deadClaim(`round-${round}`));
    const group = Array.from({ length: 8 }, () =>
      spawn(process.execPath, [PROGRAM, path], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    children.push(...group);
    const answers = group.map(
      (child) =>
        new Promise<string>((resolve) => child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()))),
    );
    for (const child of group) child.stdin.end();
    expect((await Promise.all(answers)).sort()).toEqual(['acquired', ...Array.from({ length: 7 }, () => 'held')]);
    for (const child of group) child.kill('SIGKILL');
  }
});
