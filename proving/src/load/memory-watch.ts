import type { HttpClient } from '@dunlin/wallet/demo/http-client';
import type { Person } from '../play/person.js';

/** The wallet's resident memory at one moment. */
export interface MemorySample {
  readonly seconds: number;
  readonly bytes: number;
}

export interface MemoryTrend {
  readonly firstBytes: number;
  readonly lastBytes: number;
  readonly highestBytes: number;
  /** By least squares over the second half, when caches have filled and the code is compiled. In MiB an hour. */
  readonly growthMibPerHour: number;
  /** Of that half, in seconds: a slope over little time says little. */
  readonly overSeconds: number;
}

const everyMs = 1_000;
const mib = 1_048_576;
/** So many samples the trend wants; with fewer there is none. */
const fewestSamples = 6;

/** Reads the wallet's own `process_resident_memory_bytes` every second until it is stopped. A read that fails leaves a gap. */
export function watchMemory(client: HttpClient, operator: Person): { stop(): MemorySample[] } {
  const samples: MemorySample[] = [];
  const startedMs = performance.now();
  const look = async (): Promise<void> => {
    const answer = await client.send({ method: 'GET', path: '/metrics', token: operator.accessToken });
    const bytes = Number(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(answer.text)?.[1]);
    if (bytes > 0) samples.push({ seconds: (performance.now() - startedMs) / 1_000, bytes });
  };
  // A wallet that is too busy to answer shows as errors of the run; here it is a sample less.
  const timer = setInterval(() => void look().catch(() => undefined), everyMs);
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
}

/** Undefined when there are too few samples to speak of a trend. */
export function memoryTrend(samples: readonly MemorySample[]): MemoryTrend | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || samples.length < fewestSamples) return undefined;
  const half = samples.slice(Math.floor(samples.length / 2));
  return {
    firstBytes: first.bytes,
    lastBytes: last.bytes,
    highestBytes: Math.max(...samples.map(({ bytes }) => bytes)),
    growthMibPerHour: (slope(half) * 3_600) / mib,
    overSeconds: last.seconds - (half[0] as MemorySample).seconds,
  };
}

/** Bytes a second, by least squares. */
function slope(samples: readonly MemorySample[]): number {
  const mean = (of: (one: MemorySample) => number): number =>
    samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const meanSeconds = mean(({ seconds }) => seconds);
  const meanBytes = mean(({ bytes }) => bytes);
  let covariance = 0;
  let variance = 0;
  for (const { seconds, bytes } of samples) {
    covariance += (seconds - meanSeconds) * (bytes - meanBytes);
    variance += (seconds - meanSeconds) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}
