import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@dunlin/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertmanagerChannel, PerformanceMonitoringService } from '../src/index.js';
import { requests } from './support/scene.js';

// With CI=true it is never skipped: a machine without it fails by name.
const skip = spawnSync('prometheus-alertmanager', ['--version']).status !== 0 && process.env['CI'] !== 'true';

interface Told {
  status: string;
  groupLabels: Record<string, string>;
  alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited 30 s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.skipIf(skip)('a real Alertmanager (skipped without it: apt-get install prometheus-alertmanager)', () => {
  /** What Alertmanager tells the one whom it pages. */
  const told: Told[] = [];
  const pager = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      told.push(JSON.parse(body) as Told);
      response.end();
    });
  });
  let url: string;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    pager.listen(0, '127.0.0.1');
    await once(pager, 'listening');
    const folder = await mkdtemp(join(tmpdir(), 'dunlin-alertmanager-'));
    const hook = `http://127.0.0.1:${(pager.address() as AddressInfo).port}/`;
    const config = {
      route: {
        receiver: 'pager',
        group_by: ['service'],
        group_wait: '1s',
        group_interval: '1s',
        repeat_interval: '1h',
      },
      receivers: [{ name: 'pager', webhook_configs: [{ url: hook, send_resolved: true }] }],
    };
    // JSON is YAML.
    await writeFile(join(folder, 'alertmanager.yml'), JSON.stringify(config));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const server = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${join(folder, 'alertmanager.yml')}`,
        `--storage.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    );
    const ended = once(server, 'exit');
    stop = async () => {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    };
    await eventually(
      async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true,
      'Alertmanager is ready',
    );
  });
  afterAll(async () => {
    await stop?.();
    pager.closeAllConnections();
    pager.close();
  });

  async function shown(
    filter = '',
  ): Promise<{ labels: Record<string, string>; annotations: Record<string, string> }[]> {
    const response = await fetch(`${url}/api/v2/alerts?active=true${filter}`);
    return (await response.json()) as { labels: Record<string, string>; annotations: Record<string, string> }[];
  }

  it('takes alerts, groups them, tells them on, and ends them with ours', async () => {
    const channel = alertmanagerChannel({ url, labels: { cluster: 'test' } });
    const monitor = new PerformanceMonitoringService({ channels: [channel], alertForMs: 0, instanceId: 'a' });
    requests(monitor, 5000);
    await monitor.putRule({ name: 'any-request', metric: 'responseTime.max', comparison: 'above', threshold: 1 });
    const open = monitor.getActiveAlerts();
    expect(open.map(({ type }) => type).sort()).toEqual(['response_time', 'rule:any-request']);
    await eventually(async () => (await shown()).length === 2, 'both are there');
    expect(await shown(`&filter=${encodeURIComponent('alertname="response_time"')}`)).toMatchObject([
      {
        labels: { alertname: 'response_time', service: 'dunlin', cluster: 'test' },
        annotations: { severity: 'critical', alert_id: open.find(({ type }) => type === 'response_time')!.id },
      },
    ]);
    // Alertmanager shows an alert before it has put it into its group.
    let groups: { labels: object; alerts: object[] }[] = [];
    await eventually(async () => {
      groups = (await (await fetch(`${url}/api/v2/alerts/groups`)).json()) as typeof groups;
      return groups.some(({ alerts }) => alerts.length === 2);
    }, 'both are in one group');
    expect(groups).toMatchObject([{ labels: { service: 'dunlin' } }]);
    await eventually(() => told.some(({ alerts }) => alerts.length === 2), 'the pager is told of both in one message');

    for (const { id } of open) await monitor.resolveAlert(id, 'ann');
    await eventually(async () => (await shown()).length === 0, 'both have ended there, too');
    // In one message or in two, as its interval falls.
    const ended = (): Set<string | undefined> => {
      const all = told.flatMap(({ alerts }) => alerts).filter(({ status }) => status === 'resolved');
      return new Set(all.map(({ labels }) => labels['alertname']));
    };
    await eventually(() => ended().size === 2, 'the pager is told of both ends');
    expect(ended()).toEqual(new Set(['response_time', 'rule:any-request']));
    expect(told.at(-1)?.status).toBe('resolved');
    await monitor.stopMonitoring();
  });

  it('is understood by amtool, with the channel’s test message', async () => {
    const monitor = new PerformanceMonitoringService({ channels: [alertmanagerChannel({ url })] });
    expect(await monitor.testChannel('alertmanager')).toEqual({ kind: 'delivered' });
    const listed = spawnSync('amtool', [`--alertmanager.url=${url}`, 'alert', 'query', 'alertname=rule:channel-test']);
    expect([listed.status, String(listed.stderr)]).toEqual([0, '']);
    expect(String(listed.stdout)).toContain('rule:channel-test');
    await monitor.stopMonitoring();
  });
});
