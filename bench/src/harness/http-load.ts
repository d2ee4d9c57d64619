import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { pinnedTo } from './cores.js';

/** Makes requests to one address as fast as the server answers them. */
export interface LoadGenerator {
  readonly name: 'wrk' | 'autocannon';
  /** Requests a second that were answered with 2xx. Rejects when any was not. */
  run(url: string, forSeconds: number): Promise<number>;
}

const connections = 64;

/** wrk where it is installed, for it is the lighter one; else autocannon, which may itself be the limit near 90 k/s. */
export function chooseLoadGenerator(core: number | undefined): LoadGenerator {
  const probe = spawnSync('wrk', ['--version'], { encoding: 'utf8', timeout: 5_000 });
  const hasWrk = probe.error === undefined && probe.stdout.startsWith('wrk');
  return hasWrk ? { name: 'wrk', run: wrk } : { name: 'autocannon', run: autocannon };

  async function wrk(url: string, forSeconds: number): Promise<number> {
    const text = await output(
      ['wrk', '-t', '1', '-c', String(connections), '-d', `${forSeconds}s`, '--timeout', '15s', url],
      core,
      forSeconds,
    );
    const refused = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(text);
    if (refused) throw new Error(`${url}: ${refused[0]}`);
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  }

  async function autocannon(url: string, forSeconds: number): Promise<number> {
    const script = createRequire(import.meta.url).resolve('autocannon');
    const words = [process.execPath, script, '--json', '-c', String(connections), '-d', String(forSeconds), url];
    const found = JSON.parse(await output(words, core, forSeconds)) as {
      non2xx: number;
      errors: number;
      requests: { average: number };
    };
    if (found.non2xx > 0 || found.errors > 0)
      throw new Error(`${url}: ${found.non2xx} not 2xx, ${found.errors} errors`);
    return found.requests.average;
  }
}

function output(words: readonly string[], core: number | undefined, forSeconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const [command = '', ...args] = [...pinnedTo(core), ...words];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: (forSeconds + 20) * 1_000 });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${words[0] ?? ''} ended with ${String(code)}`)),
    );
  });
}
