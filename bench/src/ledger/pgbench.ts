import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { yardstickScript } from './yardstick.js';

/** pgbench on the yardstick of one server. */
export interface Pgbench {
  /** Transfers a second with so many clients. Rejects when any of them failed. */
  run(clients: number, forSeconds: number): Promise<number>;
  /** Tries 1, 8, 32 and 64 clients and gives the number that did best. */
  bestClients(forSeconds: number): Promise<number>;
}

const clientCounts = [1, 8, 32, 64] as const;

/** @throws Error where pgbench is not installed (Debian: postgresql-contrib). */
export function openPgbench(databaseUrl: string, scratchFolder: string): Pgbench {
  const probe = spawnSync('pgbench', ['--version'], { encoding: 'utf8', timeout: 5_000 });
  if (probe.status !== 0)
    throw new Error('no pgbench on the PATH: install it (Debian: apt install postgresql-contrib)');
  const script = join(scratchFolder, 'yardstick.sql');
  writeFileSync(script, yardstickScript);
  const run = (clients: number, forSeconds: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const words = [
        '-n',
        '-M',
        'prepared',
        '-c',
        String(clients),
        '-j',
        String(Math.min(2, clients)),
        '-T',
        String(forSeconds),
      ];
      const child = spawn('pgbench', [...words, '-f', script, databaseUrl], { timeout: (forSeconds + 30) * 1_000 });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      child.once('error', reject);
      child.once('close', (code) => {
        const perSecond = Number(/tps = ([\d.]+) \(without initial connection time\)/.exec(text)?.[1]);
        const failed = Number(/number of failed transactions: (\d+)/.exec(text)?.[1] ?? 0);
        if (code === 0 && perSecond > 0 && failed === 0) resolve(perSecond);
        else reject(new Error(`pgbench ended with ${String(code)}, ${failed} failed: ${text.slice(-500)}`));
      });
    });
  return {
    run,
    async bestClients(forSeconds) {
      let best = { clients: 1, perSecond: 0 };
      for (const clients of clientCounts) {
        const perSecond = await run(clients, forSeconds);
        if (perSecond > best.perSecond) best = { clients, perSecond };
      }
      return best.clients;
    },
  };
}
