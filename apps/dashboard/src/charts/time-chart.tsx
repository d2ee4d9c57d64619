import { computed, effect, signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { range } from '../live/series.js';
import { time } from '../format.js';
import { Readout, type ReadoutRow } from './readout.js';
import { drawGaps, drawMarks, drawThresholds } from './annotations.js';
import { ink } from './ink.js';

export interface Line {
  label: string;
  /** One value a point, null where nothing was measured. */
  values: (number | null)[];
  /** Which of the palette's colours, and with it which dash: lines differ by both. */
  tone: 0 | 1 | 2;
}

export interface TimeChartProps {
  title: string;
  /** What one can say of the chart in a sentence, read to those who do not see it. */
  describe?: string;
  times: number[];
  lines: Line[];
  format: (value: number | null | undefined) => string;
  thresholds?: { value: number; label: string }[];
  /** The least upper end of the scale, so that small noise does not look like mountains. */
  atLeast?: number;
  atMost?: number;
}

/** The part of the time axis that all charts show; undefined for the whole range. */
export const zoom = signal<[number, number] | undefined>(undefined);
const shown = computed(() => zoom.value ?? range.value);
const SYNC = uPlot.sync('dunlin');
const DASHES: number[][] = [[], [7, 4], [2, 3]];
const HEIGHT = 168;

/** Lines over time. Pointer and zoom are shared by all charts; with the keyboard: arrows read, + and − zoom, Escape shows all. */
export function TimeChart(props: TimeChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [at, setAt] = useState<number | null>(null);
  const shape = props.lines.map((line) => line.label).join('|');

  useEffect(() => {
    const element = host.current!;
    const made = new uPlot(optionsFor(latest, setAt, element.clientWidth), dataOf(latest.current), element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    const end = effect(() => {
      const [min, max] = shown.value;
      made.setScale('x', { min, max });
    });
    const repaint = ink.onChange(() => made.redraw(false));
    return () => {
      repaint();
      end();
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  useEffect(() => {
    const made = plot.current;
    if (made === undefined) return;
    made.setData(dataOf(props), false);
    const [min, max] = shown.peek();
    made.setScale('x', { min, max });
  }, [props.times, props.lines, props.thresholds]);

  const index = at ?? props.times.length - 1;
  const rows: ReadoutRow[] = props.lines.map((line) => ({
    label: line.label,
    tone: line.tone,
    value: props.format(line.values[index]),
  }));
  return (
    <figure class="chart">
      <figcaption>
        <h3>{props.title}</h3>
        <Readout rows={rows} when={at === null ? 'now' : time((props.times[index] ?? 0) * 1000)} />
      </figcaption>
      <div
        ref={host}
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label={`${props.title}. Arrow keys read the chart, plus and minus zoom, Escape shows all.`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, props.times.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={spoken(props, index)}
        onKeyDown={(event) => plot.current !== undefined && keyboard(event, plot.current)}
      />
    </figure>
  );
}

function spoken(props: TimeChartProps, index: number): string {
  const values = props.lines.map((line) => `${line.label} ${props.format(line.values[index])}`).join(', ');
  const when = props.times[index] === undefined ? 'no figures yet' : time(props.times[index] * 1000);
  return props.describe === undefined ? `${when}: ${values}` : `${props.describe} ${when}: ${values}`;
}

function dataOf({ times, lines }: TimeChartProps): uPlot.AlignedData {
  return [times, ...lines.map((line) => line.values)];
}

/** The scale begins at zero and reaches the highest of values, thresholds nearby and the least end. */
function scaleOf({ atLeast = 0, atMost, thresholds = [] }: TimeChartProps, dataMax: number): [number, number] {
  const high = Math.max(dataMax || 0, atLeast);
  const near = thresholds.filter(({ value }) => value <= high * 3 || value === atMost).map(({ value }) => value);
  const end = Math.max(high, ...near) * 1.08 || 1;
  return [0, atMost === undefined ? end : Math.min(end, atMost)];
}

function optionsFor(
  latest: { current: TimeChartProps },
  setAt: (index: number | null) => void,
  width: number,
): uPlot.Options {
  const axis = {
    stroke: () => ink.of('muted'),
    grid: { stroke: () => ink.of('grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: SYNC.key },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      focus: { prox: 24 },
    },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => scaleOf(latest.current, max) } },
    axes: [
      { ...axis, size: 28, font: ink.font(), space: 70, values: (_plot, ticks) => axisTimes(ticks) },
      {
        ...axis,
        size: 58,
        font: ink.font(),
        values: (_plot, ticks) => ticks.map((tick) => latest.current.format(tick)),
      },
    ],
    series: [
      {},
      ...latest.current.lines.map((line) => ({
        label: line.label,
        stroke: () => ink.tone(line.tone),
        dash: DASHES[line.tone]!,
        width: 1.75,
        spanGaps: false,
        points: { show: false },
      })),
    ],
    hooks: {
      drawAxes: [(plot) => drawGaps(plot), (plot) => drawMarks(plot)],
      draw: [(plot) => drawThresholds(plot, latest.current.thresholds ?? [])],
      setCursor: [(plot) => setAt(plot.cursor.idx ?? null)],
      setSelect: [(plot) => select(plot)],
    },
  };
}

/** Times of day, with the day where it begins and where a step is longer than one. */
function axisTimes(ticks: number[]): string[] {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 0;
  return ticks.map((tick, i) => {
    const date = new Date(tick * 1000);
    const newDay = i > 0 && date.getDate() !== new Date(ticks[i - 1]! * 1000).getDate();
    if (step >= 86_400 || newDay) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
    const seconds = step > 0 && step < 60 ? ({ second: '2-digit' } as const) : {};
    return date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...seconds });
  });
}

function select(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < 6) return;
  zoom.value = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

function keyboard(event: KeyboardEvent, plot: uPlot): void {
  const times = plot.data[0];
  const [low, high] = visible(plot);
  const here = plot.cursor.idx ?? high;
  const moves: Record<string, number> = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: low, End: high };
  if (event.key in moves) {
    const next = Math.min(high, Math.max(low, moves[event.key]!));
    if (times[next] !== undefined) plot.setCursor({ left: plot.valToPos(times[next], 'x'), top: HEIGHT / 3 }, true);
  } else if (event.key === '+' || event.key === '-') {
    resize(event.key === '+' ? 0.5 : 2, times[here] ?? shown.peek()[1]);
  } else if (event.key === 'Escape') {
    zoom.value = undefined;
  } else {
    return;
  }
  event.preventDefault();
}

/** The first and the last point that the shown part of the axis holds. */
function visible(plot: uPlot): [number, number] {
  const times = plot.data[0];
  const [from, to] = shown.peek();
  const low = times.findIndex((at) => at >= from);
  let high = times.length - 1;
  while (high > 0 && times[high]! > to) high -= 1;
  return [Math.max(0, low), Math.max(0, high)];
}

function resize(factor: number, around: number): void {
  const [from, to] = shown.peek();
  const [first, last] = range.peek();
  const span = (to - from) * factor;
  if (span >= last - first) zoom.value = undefined;
  else if (span >= 20) zoom.value = [Math.max(first, around - span / 2), Math.min(last, around + span / 2)];
}
