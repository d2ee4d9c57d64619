import type uPlot from 'uplot';
import { gaps, openAlerts } from '../live/live.js';
import { marks } from '../live/series.js';
import { ink } from './ink.js';

/** Hatched where the page had no connection: nothing is known of that time unless the series filled it since. */
export function drawGaps(plot: uPlot): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = ink.of('gap');
  ctx.lineWidth = devicePixelRatio;
  for (const { from, to } of gaps.peek()) {
    const left = plot.valToPos(from / 1000, 'x', true);
    const right = plot.valToPos(to / 1000, 'x', true);
    for (let x = left - bbox.height; x < right; x += 7 * devicePixelRatio) {
      const begin = Math.max(x, left);
      const end = Math.min(x + bbox.height, right);
      if (end <= begin) continue;
      ctx.beginPath();
      ctx.moveTo(begin, bbox.top + bbox.height - (begin - x));
      ctx.lineTo(end, bbox.top + bbox.height - (end - x));
      ctx.stroke();
    }
  }
  ctx.restore();
}

/** Deployments and edits as ticks with a letter at the foot, firing alerts as ticks at the head. */
export function drawMarks(plot: uPlot): void {
  const { ctx, bbox } = plot;
  const alerts = openAlerts.peek().filter((alert) => alert.state === 'firing');
  const all = [
    ...marks.peek().map((mark) => ({ at: mark.at, letter: mark.kind === 'deployment' ? 'D' : 'E', alert: false })),
    ...alerts.map((alert) => ({ at: alert.firedAt ?? alert.startedAt, letter: 'A', alert: true })),
  ];
  ctx.save();
  ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  for (const { at, letter, alert } of all) {
    const x = plot.valToPos(Date.parse(at) / 1000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = alert ? ink.of('threshold') : ink.of('mark');
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(letter, x, alert ? bbox.top + 10 * devicePixelRatio : bbox.top + bbox.height - 4 * devicePixelRatio);
  }
  ctx.restore();
}

/** A line across at each threshold that the scale reaches, with its name. */
export function drawThresholds(plot: uPlot, thresholds: readonly { value: number; label: string }[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = ink.of('threshold');
  ctx.textAlign = 'left';
  ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const { value, label } of thresholds) {
    const y = plot.valToPos(value, 'y', true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(label, bbox.left + 4 * devicePixelRatio, y - 4 * devicePixelRatio);
  }
  ctx.restore();
}
