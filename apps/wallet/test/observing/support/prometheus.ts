import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@dunlin/testkit';

/** With CI=true it is never skipped: a machine without it fails by name. */
export const skipPrometheus = spawnSync('prometheus', ['--version']).status !== 0 && process.env['CI'] !== 'true';

export interface Sample {
  metric: Record<string, string>;
  value: [time: number, value: string];
}

/** A real Prometheus that scrapes one target every second. */
export interface Prometheus {
  query(expression: string): Promise<Sample[]>;
  get<Data>(path: string): Promise<Data>;
  stop(): Promise<void>;
}

export async function startPrometheus(options: {
  target: string;
  token: string;
  ruleFiles: string[];
}): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'dunlin-prometheus-'));
  await writeFile(join(folder, 'token'), options.token);
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: options.ruleFiles,
    scrape_configs: [
      {
        job_name: 'wallet',
        authorization: { credentials_file: join(folder, 'token') },
        static_configs: [{ targets: [options.target] }],
      },
    ],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const server = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(server, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (server.exitCode !== null) throw new Error(`Prometheus ended: ${said}`);
      return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true;
    }, 'Prometheus is ready');
  } catch (error) {
    await stop();
    throw error;
  }
  const get = async <Data>(path: string): Promise<Data> => {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(10_000) });
    const body = (await response.json()) as { status: string; error?: string; data: Data };
    if (body.status !== 'success') throw new Error(`Prometheus refused ${path}: ${body.error}`);
    return body.data;
  };
  return {
    get,
    stop,
    query: async (expression) =>
      (await get<{ result: Sample[] }>(`/api/v1/query?query=${encodeURIComponent(expression)}`)).result,
  };
}

export async function until(holds: () => Promise<boolean>, what: string, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
