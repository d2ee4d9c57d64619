import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { LoadOutcome, TimelineSlot } from './outcome.js';

const widthPx = 960;
const heightPx = 640;

/** An SVG with the latencies over time (logarithmic) above, and arrivals a second below. */
export function plot(outcome: LoadOutcome): string {
  use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: widthPx, height: heightPx });
  try {
    chart.setOption(chartOf(outcome));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function chartOf({ timeline, scenario, rate, seed, latencyMs, machine }: LoadOutcome): EChartsCoreOption {
  const line = (name: string, colour: string, at: 0 | 1, of: (slot: TimelineSlot) => number | null): object => ({
    name,
    type: 'line',
    xAxisIndex: at,
    yAxisIndex: at,
    symbol: 'none',
    color: colour,
    lineStyle: { width: 1.5 },
    data: timeline.map((slot) => [slot.fromSeconds, of(slot)]),
  });
  // A logarithmic axis has no place for 0; a slot without an answer is a gap.
  const latency = (of: (slot: TimelineSlot) => number) => (slot: TimelineSlot) => (slot.count === 0 ? null : of(slot));
  const seconds = { type: 'value', name: 's', min: 0 };
  const subtext = `${rate} arrivals a second, seed ${seed}; P50 ${latencyMs.p50.toFixed(2)} ms, P99 ${latencyMs.p99.toFixed(2)} ms; ${machine.cpus} × ${machine.model}, Node.js ${machine.node}`;
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: `npm run load, ${scenario}`, subtext, left: 16, top: 8 },
    legend: { top: 60, right: 32 },
    grid: [
      { left: 64, right: 32, top: 104, height: 240 },
      { left: 64, right: 32, top: 408, height: 184 },
    ],
    xAxis: [
      { ...seconds, gridIndex: 0 },
      { ...seconds, gridIndex: 1 },
    ],
    yAxis: [
      { type: 'log', gridIndex: 0, name: 'ms from when it was due', nameTextStyle: { align: 'left' } },
      { type: 'value', gridIndex: 1, name: 'a second' },
    ],
    series: [
      line(
        'P50',
        '#1b6ca8',
        0,
        latency(({ p50 }) => p50),
      ),
      line(
        'P95',
        '#d98c21',
        0,
        latency(({ p95 }) => p95),
      ),
      line(
        'P99',
        '#b3311f',
        0,
        latency(({ p99 }) => p99),
      ),
      line(
        'Max',
        '#9a9a9a',
        0,
        latency(({ max }) => max),
      ),
      line('Answered', '#2e7d4f', 1, ({ answeredPerSecond }) => answeredPerSecond),
      line('Failed', '#7b2d8b', 1, ({ failedPerSecond }) => failedPerSecond),
      line('Not sent', '#444444', 1, ({ unsentPerSecond }) => unsentPerSecond),
    ],
  };
}
