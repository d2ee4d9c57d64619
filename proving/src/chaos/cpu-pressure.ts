import { readFileSync } from 'node:fs';

/**
 * How much of the last ten seconds somebody on this machine waited for a processor, in percent, as Linux counts it ("pressure stall
 * information"); undefined where it does not.
 */
export function cpuPressurePercent(): number | undefined {
  try {
    const share = /^some avg10=([\d.]+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1];
    return share === undefined ? undefined : Number(share);
  } catch {
    return undefined;
  }
}
