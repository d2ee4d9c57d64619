import { spawn, spawnSync } from 'node:child_process';
import { pinnedTo } from '../harness/cores.js';

export interface WrkLoad {
  readonly url: string;
  readonly connections: number;
  readonly forSeconds: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A Lua script that makes the requests, and what it is given. */
  readonly script?: { readonly path: string; readonly words: readonly string[] };
}

/** What the answers came to. */
export interface WrkFigures {
  readonly perSecond: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @throws Error where wrk is not installed: a generator in JavaScript would need the core that the database needs. */
export function requireWrk(): void {
  const probe = spawnSync('wrk', ['--version'], { encoding: 'utf8', timeout: 5_000 });
  if (probe.error !== undefined) throw new Error('no wrk on the PATH: install it (Debian: apt install wrk)');
}

/** Makes requests from one thread on `core`; rejects when an answer was none of 2xx. */
export function wrk(load: WrkLoad, core: number | undefined): Promise<WrkFigures> {
  const { url, connections, forSeconds, headers = {}, script } = load;
  const words = [
    ...['wrk', '-t', '1', '-c', String(connections), '-d', `${forSeconds}s`, '--timeout', '15s', '--latency'],
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    ...(script === undefined ? [] : ['-s', script.path]),
    url,
    ...(script === undefined ? [] : ['--', ...script.words]),
  ];
  return new Promise((resolve, reject) => {
    const [command = '', ...args] = [...pinnedTo(core), ...words];
    const child = spawn(command, args, { timeout: (forSeconds + 30) * 1_000 });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    child.once('error', reject);
    child.once('close', (code) => {
      const refused = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(text);
      const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
      const times = { meanMs: timeOf('Latency', text), p50Ms: timeOf('50%', text), p99Ms: timeOf('99%', text) };
      if (code === 0 && refused === null && perSecond > 0) resolve({ perSecond, ...times });
      else reject(new Error(`wrk at ${url} ended with ${String(code)}: ${refused?.[0] ?? text.slice(-500)}`));
    });
  });
}

/** The first time that wrk prints behind a word, in ms. */
function timeOf(word: string, text: string): number {
  const [, number, unit] = new RegExp(`^\\s+${word}\\s+([\\d.]+)(us|ms|s|m)`, 'm').exec(text) ?? [];
  return Number(number) * ({ us: 0.001, ms: 1, s: 1_000, m: 60_000 }[unit ?? ''] ?? NaN);
}
