import { TimeChart, zoom } from '../charts/time-chart.js';
import type { Metrics, SeriesPoint, Thresholds } from '../figures.js';
import { bytes, changeInWords, milliseconds, number, percent, perSecond, time } from '../format.js';
import { connection, gaps, metrics, openAlerts } from '../live/live.js';
import { marks, series } from '../live/series.js';
import { hrefOf, scope } from '../navigation.js';
import { SeverityBadge } from '../ui/badges.js';
import { Empty, Failure, Skeleton, useFetched } from '../ui/loaded.js';

type Field = Exclude<keyof SeriesPoint, 'at'>;

interface ChartPlan {
  title: string;
  fields: { field: Field; label: string }[];
  format: (value: number | null | undefined) => string;
  threshold?: keyof Thresholds;
  atLeast?: number;
  atMost?: number;
}

const CHARTS: ChartPlan[] = [
  {
    title: 'Requests a second',
    fields: [{ field: 'requestsPerSecond', label: 'requests' }],
    format: perSecond,
    atLeast: 1,
  },
  {
    title: 'Response time',
    fields: [
      { field: 'p50', label: 'P50' },
      { field: 'p95', label: 'P95' },
      { field: 'p99', label: 'P99' },
    ],
    format: milliseconds,
    threshold: 'responseTimeMs',
  },
  {
    title: 'Error rate',
    fields: [{ field: 'errorRate', label: 'errors' }],
    format: percent,
    threshold: 'errorRatePercent',
    atLeast: 1,
    atMost: 100,
  },
  {
    title: 'Cache hit rate',
    fields: [{ field: 'cacheHitRate', label: 'hits' }],
    format: percent,
    threshold: 'cacheHitRatePercent',
    atLeast: 100,
    atMost: 100,
  },
  {
    title: 'CPU',
    fields: [{ field: 'cpuUsage', label: 'of what it may use' }],
    format: percent,
    threshold: 'cpuUsagePercent',
    atLeast: 10,
    atMost: 100,
  },
  {
    title: 'Memory',
    fields: [{ field: 'memoryUsage', label: 'of its limit' }],
    format: percent,
    threshold: 'memoryUsagePercent',
    atLeast: 10,
    atMost: 100,
  },
  {
    title: 'Event-loop delay, P99',
    fields: [{ field: 'eventLoopDelayMs', label: 'delay' }],
    format: milliseconds,
    atLeast: 20,
  },
  {
    title: 'Database connections in use',
    fields: [{ field: 'poolUsage', label: 'of the pool' }],
    format: percent,
    atLeast: 10,
    atMost: 100,
  },
];

/** The service at a glance: what is wrong, the figures of this minute, and how they came to be so. */
export function Overview() {
  const now = metrics.value;
  return (
    <>
      <FiringAlerts />
      {now === undefined ? <WaitingForFigures /> : <Tiles now={now} />}
      <Charts />
      <Timeline />
      {now?.instances === undefined ? null : <Instances instances={now.instances} />}
    </>
  );
}

function WaitingForFigures() {
  const state = connection.value;
  if (state.state === 'lost') return <Empty title="No connection">Figures come as soon as the service answers.</Empty>;
  return <Skeleton what="figures" />;
}

function FiringAlerts() {
  const firing = openAlerts.value.filter((alert) => alert.state === 'firing');
  if (firing.length === 0) return null;
  return (
    <section class="firing" aria-label="Alerts that fire">
      <ul>
        {firing.map((alert) => (
          <li key={alert.id}>
            <SeverityBadge severity={alert.severity} />{' '}
            <a href={hrefOf({ view: 'alerts', item: alert.id })}>{alert.message}</a>{' '}
            <small>since {time(alert.firedAt ?? alert.startedAt)}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tiles({ now }: { now: Metrics }) {
  const { responseTime, throughput, errorRate, systemResources, database, cache } = now;
  const unsure = responseTime.lowConfidence === true;
  const lost = connection.value.state === 'lost';
  const tiles: { title: string; figure: string; note: string }[] = [
    {
      title: 'Throughput',
      figure: perSecond(throughput.requestsPerSecond),
      note: `${number(throughput.requestsPerMinute)} a minute`,
    },
    {
      title: unsure ? 'P95, few samples' : 'P95',
      figure: responseTime.count === 0 ? '–' : milliseconds(responseTime.p95),
      note: `P50 ${milliseconds(responseTime.p50)} · P99 ${milliseconds(responseTime.p99)}`,
    },
    {
      title: 'Error rate',
      figure: percent(errorRate.rate),
      note: `${number(errorRate.count)} failed · ${number(errorRate.clientErrors)} refused · ${number(errorRate.aborted)} aborted`,
    },
    {
      title: 'Cache hit rate',
      figure: cache.lookups === 0 ? '–' : percent(cache.hitRate),
      note: `${number(cache.lookups)} look-ups`,
    },
    { title: 'CPU', figure: percent(systemResources.cpuUsage), note: `of ${number(systemResources.cpuLimit)} CPUs` },
    {
      title: 'Memory',
      figure: percent(systemResources.memoryUsage.percentage),
      note: `${bytes(systemResources.memoryUsage.used)} · heap ${bytes(systemResources.heap.used)}`,
    },
    {
      title: 'Event loop',
      figure: percent(systemResources.eventLoop.utilization),
      note: `busy · delay P99 ${milliseconds(systemResources.eventLoop.delayP99Ms)}`,
    },
    {
      title: 'Statements',
      figure: milliseconds(database.averageQueryTime),
      note: `${number(database.queryCount)} · P95 ${milliseconds(database.p95QueryTime)} · ${number(database.slowQueries)} slow`,
    },
  ];
  return (
    <section aria-label={`Figures of the last ${now.windowSeconds} seconds`}>
      {lost ? <p class="notice notice-stale">These are the figures of {time(now.timestamp)}.</p> : null}
      <dl class={lost ? 'tiles stale' : 'tiles'}>
        {tiles.map((tile) => (
          <div key={tile.title} class="tile">
            <dt>{tile.title}</dt>
            <dd class="tile-figure">{tile.figure}</dd>
            <dd class="tile-note">{tile.note}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Charts() {
  const loaded = series.value;
  const thresholds = useFetched<Thresholds>('/performance/thresholds', 15_000).content;
  if (loaded.state === 'loading') return <Skeleton what="charts" />;
  if (loaded.state === 'failed')
    return <Failure what="charts" reason={loaded.reason} again={() => location.reload()} />;
  const { points } = loaded.content;
  const times = points.map((point) => Date.parse(point.at) / 1000);
  return (
    <section aria-label="Charts">
      <div class="chart-tools">
        <p class="quiet">
          {points.length === 0
            ? 'Charts begin with the first figures, within five seconds.'
            : 'Drag to zoom; arrow keys read a chart.'}
          {scope.value === 'fleet' ? ' Fleet: the stored history of all instances, then the rolling minute.' : ''}
        </p>
        {zoom.value === undefined ? null : (
          <button type="button" onClick={() => (zoom.value = undefined)}>
            Show all
          </button>
        )}
      </div>
      <div class="charts">
        {CHARTS.map((chart) => {
          const limit = chart.threshold === undefined ? undefined : thresholds?.[chart.threshold];
          return (
            <TimeChart
              key={chart.title}
              title={chart.title}
              times={times}
              lines={chart.fields.map(({ field, label }, i) => ({
                label,
                tone: i as 0 | 1 | 2,
                values: points.map((point) => point[field]),
              }))}
              format={chart.format}
              {...(limit === undefined
                ? {}
                : { thresholds: [{ value: limit, label: `threshold ${chart.format(limit)}` }] })}
              {...(chart.atLeast === undefined ? {} : { atLeast: chart.atLeast })}
              {...(chart.atMost === undefined ? {} : { atMost: chart.atMost })}
            />
          );
        })}
      </div>
    </section>
  );
}

const KINDS: Record<string, string> = { deployment: 'Deployment', threshold: 'Threshold', rule: 'Rule', mute: 'Mute' };

/** What the charts mark with letters, in words. */
function Timeline() {
  const rows = [
    ...marks.value.map((mark) => ({
      at: mark.at,
      letter: mark.kind === 'deployment' ? 'D' : 'E',
      text: `${KINDS[mark.kind] ?? mark.kind}: ${changeInWords(mark.detail)}`,
    })),
    ...gaps.value.map((gap) => ({
      at: new Date(gap.from).toISOString(),
      letter: '⁄⁄',
      text: `No connection until ${time(gap.to)}`,
    })),
  ].sort((a, b) => b.at.localeCompare(a.at));
  if (rows.length === 0) return null;
  return (
    <section class="card" aria-label="What happened">
      <h3>What happened</h3>
      <ol class="timeline">
        {rows.slice(0, 12).map((row) => (
          <li key={row.at + row.text}>
            <span class="letter" aria-hidden="true">
              {row.letter}
            </span>
            <time dateTime={row.at}>{time(row.at)}</time> {row.text}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Instances({ instances }: { instances: NonNullable<Metrics['instances']> }) {
  return (
    <section class="card" aria-label="Instances">
      <h3>Instances</h3>
      <ul class="plain">
        {instances.map((one) => (
          <li key={one.instanceId}>
            <span aria-hidden="true">{one.alive ? '●' : '○'}</span> <code>{one.instanceId}</code>{' '}
            {one.alive ? 'alive' : `last heard of ${time(one.publishedAt)}`}
          </li>
        ))}
      </ul>
    </section>
  );
}
