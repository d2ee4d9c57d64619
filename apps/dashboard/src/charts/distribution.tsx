import { milliseconds, number } from '../format.js';

export interface Bar {
  fromMs: number;
  toMs: number;
  count: number;
}

const WIDTH = 640;
const HEIGHT = 150;

/** How many requests took how long, on a logarithmic axis, with lines at P50, P95 and P99. */
export function Distribution({ bars, quantiles }: { bars: Bar[]; quantiles: { label: string; ms: number }[] }) {
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) return <p class="quiet">No requests in this time.</p>;
  const high = Math.max(...bars.map((bar) => bar.count));
  const low = Math.log(Math.max(first.fromMs, 0.001));
  const width = Math.log(last.toMs) - low || 1;
  const x = (ms: number): number => ((Math.log(Math.max(ms, 0.001)) - low) / width) * WIDTH;
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  const label = quantiles.map((one) => `${one.label} ${milliseconds(one.ms)}`).join(', ');
  return (
    <div class="scroll">
      <svg
        class="distribution"
        viewBox={`0 -16 ${WIDTH} ${HEIGHT + 36}`}
        role="img"
        aria-label={`${number(total)} requests: ${label}`}
      >
        {bars.map((bar) => (
          <rect
            key={bar.fromMs}
            x={x(bar.fromMs)}
            y={HEIGHT - (bar.count / high) * HEIGHT}
            width={Math.max(1, x(bar.toMs) - x(bar.fromMs) - 1)}
            height={(bar.count / high) * HEIGHT}
          >
            <title>{`${milliseconds(bar.fromMs)} to ${milliseconds(bar.toMs)}: ${number(bar.count)}`}</title>
          </rect>
        ))}
        {quantiles.map((one, i) => (
          <g key={one.label} class={`quantile tone-${i % 3}`}>
            <line x1={x(one.ms)} x2={x(one.ms)} y1={-4} y2={HEIGHT} />
            <text x={Math.min(WIDTH - 40, x(one.ms) + 3)} y={-6 + i * 12}>
              {one.label}
            </text>
          </g>
        ))}
        <text class="axis" x="0" y={HEIGHT + 14}>
          {milliseconds(first.fromMs)}
        </text>
        <text class="axis" x={WIDTH} y={HEIGHT + 14} text-anchor="end">
          {milliseconds(last.toMs)}
        </text>
      </svg>
    </div>
  );
}
