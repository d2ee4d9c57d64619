import { describe, expect, it } from 'vitest';
import { readCgroup } from '../src/system/cgroup.js';
import { SystemSampler } from '../src/system/system-sampler.js';
import { CumulativeRing } from '../src/metrics/cumulative-ring.js';

const files =
  (content: Record<string, string>) =>
  (path: string): string | undefined =>
    content[path];

describe('the control group', () => {
  it('of version 2 is bound by the tightest limit on the way up', () => {
    const figures = readCgroup(
      files({
        '/proc/self/cgroup': '0::/system.slice/wallet.service\n',
        '/sys/fs/cgroup/cgroup.controllers': 'cpu memory',
        '/sys/fs/cgroup/system.slice/wallet.service/cpu.max': 'max 100000',
        '/sys/fs/cgroup/system.slice/cpu.max': '150000 100000',
        '/sys/fs/cgroup/system.slice/wallet.service/memory.max': '1000000',
        '/sys/fs/cgroup/system.slice/memory.max': '900000',
        '/sys/fs/cgroup/system.slice/wallet.service/memory.current': '500000',
        '/sys/fs/cgroup/system.slice/wallet.service/memory.stat': 'anon 1\ninactive_file 200000\n',
      }),
    );
    expect(figures).toEqual({ version: 2, cpuLimit: 1.5, memoryLimitBytes: 900000, workingSetBytes: 300000 });
  });

  it('of version 2 may have no limit at all', () => {
    const figures = readCgroup(
      files({
        '/proc/self/cgroup': '0::/\n',
        '/sys/fs/cgroup/cgroup.controllers': 'cpu',
        '/sys/fs/cgroup/memory.max': 'max',
      }),
    );
    expect(figures).toEqual({
      version: 2,
      cpuLimit: undefined,
      memoryLimitBytes: undefined,
      workingSetBytes: undefined,
    });
  });

  it('of version 1 is read from its controllers, whose folder a container mounts as the root', () => {
    const figures = readCgroup(
      files({
        '/proc/self/cgroup': '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '2000000',
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1500000',
        '/sys/fs/cgroup/memory/memory.stat': 'total_inactive_file 500000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      }),
    );
    expect(figures).toEqual({ version: 1, cpuLimit: 0.5, memoryLimitBytes: 2000000, workingSetBytes: 1000000 });
  });

  it('of version 1 without limits shows absurd numbers, which are none', () => {
    const figures = readCgroup(
      files({
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      }),
    );
    expect(figures).toMatchObject({ version: 1, cpuLimit: undefined, memoryLimitBytes: undefined });
  });

  it('of version 1 is bound by the groups above it, as systemd nests them', () => {
    const figures = readCgroup(
      files({
        '/proc/self/cgroup': '9:memory:/wallet.slice/wallet.service\n3:cpu,cpuacct:/wallet.slice/wallet.service\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
        '/sys/fs/cgroup/memory/wallet.slice/wallet.service/memory.limit_in_bytes': '9223372036854771712',
        '/sys/fs/cgroup/memory/wallet.slice/wallet.service/memory.usage_in_bytes': '700000',
        '/sys/fs/cgroup/memory/wallet.slice/wallet.service/memory.stat':
          'cache 1\nhierarchical_memory_limit 1000000\ntotal_inactive_file 100000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
        '/sys/fs/cgroup/cpu/wallet.slice/cpu.cfs_quota_us': '150000',
        '/sys/fs/cgroup/cpu/wallet.slice/cpu.cfs_period_us': '100000',
        '/sys/fs/cgroup/cpu/wallet.slice/wallet.service/cpu.cfs_quota_us': '-1',
        '/sys/fs/cgroup/cpu/wallet.slice/wallet.service/cpu.cfs_period_us': '100000',
      }),
    );
    expect(figures).toEqual({ version: 1, cpuLimit: 1.5, memoryLimitBytes: 1000000, workingSetBytes: 600000 });
  });

  it('of version 1 counts where version 2 is mounted beside it without controllers', () => {
    const figures = readCgroup(
      files({
        '/proc/self/cgroup': '5:memory:/docker/abc\n0::/system.slice/docker.service\n',
        '/sys/fs/cgroup/unified/cgroup.controllers': '',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '3000000',
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1000000',
      }),
    );
    expect(figures).toMatchObject({ version: 1, memoryLimitBytes: 3000000, workingSetBytes: 1000000 });
  });

  it('is absent outside Linux', () => {
    expect(readCgroup(files({})).version).toBeUndefined();
  });
});

describe('the sampler on this very process', () => {
  it('sees work as CPU and event-loop use, and memory against a limit that is larger', async () => {
    const sampler = new SystemSampler(performance.now());
    sampler.start();
    const before = performance.eventLoopUtilization();
    // The native timer measures from its first turn on.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const untilMs = performance.now() + 300;
    while (performance.now() < untilMs) Math.sqrt(Math.random());
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Node.js' own reading of a time that the sampler's encloses: how busy the loop was hangs on how long the machine stood still.
    const { utilization } = performance.eventLoopUtilization(before);
    sampler.sample(performance.now());
    const figures = sampler.figures(60, performance.now());
    sampler.stop();
    expect(figures.cpuUsage).toBeGreaterThan(0);
    expect(figures.cpuUsage).toBeLessThanOrEqual(150);
    expect(utilization).toBeGreaterThan(0);
    expect(figures.eventLoop.utilization).toBeGreaterThan(80 * utilization);
    expect(figures.eventLoop.delayP99Ms).toBeGreaterThan(100);
    expect(figures.memoryUsage.used).toBeGreaterThan(10_000_000);
    expect(figures.memoryUsage.percentage).toBeCloseTo((100 * figures.memoryUsage.used) / figures.memoryUsage.total, 9);
    expect(figures.heap.used).toBeLessThan(figures.heap.limit);
  });
});

describe('the ring of totals', () => {
  it('gives the growth since the oldest photograph inside the window, also after it has gone round', () => {
    const ring = new CumulativeRing(1, 10);
    for (let second = 0; second <= 25; second += 1) ring.push(second * 1000, [second * 3]);
    expect(ring.growth(5_000, 25_000, [75])).toEqual({ spanMs: 5_000, totals: Float64Array.of(15) });
    expect(ring.growth(60_000, 25_500, [80])).toEqual({ spanMs: 9_500, totals: Float64Array.of(80 - 16 * 3) });
  });

  it('knows nothing before the first photograph', () => {
    expect(new CumulativeRing(1, 5).growth(1000, 50, [7])).toEqual({ spanMs: 0, totals: Float64Array.of(0) });
  });
});
