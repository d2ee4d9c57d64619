import { useState } from 'preact/hooks';
import { Distribution } from '../charts/distribution.js';
import { Sparkline } from '../charts/sparkline.js';
import type { EndpointDetail, EndpointFigures } from '../figures.js';
import { milliseconds, number, percent, perSecond, time } from '../format.js';
import { hrefOf, place } from '../navigation.js';
import { DataTable, type Column } from '../ui/data-table.js';
import { Empty, Loaded, useFetched } from '../ui/loaded.js';
import { QueryTable } from './query-table.js';
import { WindowChoice, type WindowSeconds } from './window-choice.js';

const nameOf = (row: Pick<EndpointFigures, 'method' | 'route'>): string => `${row.method} ${row.route}`;

const COLUMNS: Column<EndpointFigures>[] = [
  {
    title: 'Endpoint',
    by: nameOf,
    cell: (row) => <a href={hrefOf({ view: 'endpoints', item: nameOf(row) })}>{nameOf(row)}</a>,
  },
  { title: 'P95, 5 min', cell: (row) => <Sparkline values={(row.trend ?? []).map((point) => point.p95)} /> },
  { title: 'Rate', figure: true, by: (row) => row.requestsPerSecond, cell: (row) => perSecond(row.requestsPerSecond) },
  { title: 'P50', figure: true, by: (row) => row.p50, cell: (row) => milliseconds(row.p50) },
  {
    title: 'P95',
    figure: true,
    by: (row) => row.p95,
    cell: (row) => (
      <span title={row.lowConfidence === true ? 'fewer than 100 samples' : undefined}>
        {row.lowConfidence === true ? '~' : ''}
        {milliseconds(row.p95)}
      </span>
    ),
  },
  { title: 'P99', figure: true, by: (row) => row.p99, cell: (row) => milliseconds(row.p99) },
  { title: 'Count', figure: true, by: (row) => row.count, cell: (row) => number(row.count) },
  { title: 'Errors', figure: true, by: (row) => row.errorRate, cell: (row) => percent(row.errorRate) },
  { title: 'Slow', figure: true, by: (row) => row.slow, cell: (row) => number(row.slow) },
  {
    title: 'Time spent',
    figure: true,
    by: (row) => row.average * row.count,
    cell: (row) => milliseconds(row.average * row.count),
  },
];

/** All endpoints in a table, or one of them in depth. */
export function Endpoints() {
  const { item } = place.value;
  return item === undefined ? <EndpointTable /> : <Endpoint name={item} />;
}

function EndpointTable() {
  const [window, setWindow] = useState<WindowSeconds>(300);
  const answer = useFetched<{ data: EndpointFigures[] }>(`/performance/endpoints?window=${window}&trend=true`);
  return (
    <section class="card">
      <div class="head">
        <h2>Endpoints</h2>
        <WindowChoice value={window} onChange={setWindow} />
      </div>
      <Loaded from={answer} what="endpoints">
        {({ data }) => (
          <DataTable
            caption="Endpoints"
            rows={data}
            columns={COLUMNS}
            keyOf={nameOf}
            text={nameOf}
            sortedBy="Time spent"
            empty="No request was answered in this time."
          />
        )}
      </Loaded>
    </section>
  );
}

function Endpoint({ name }: { name: string }) {
  const [window, setWindow] = useState<WindowSeconds>(300);
  const answer = useFetched<EndpointDetail>(
    `/performance/endpoints/detail?endpoint=${encodeURIComponent(name)}&window=${window}`,
  );
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={hrefOf({ view: 'endpoints' })}>Endpoints</a> › {name}
      </nav>
      <div class="head">
        <h2>{name}</h2>
        <WindowChoice value={window} onChange={setWindow} />
      </div>
      <Loaded from={answer} what="figures of this endpoint">
        {(detail) => <EndpointFacts detail={detail} />}
      </Loaded>
    </>
  );
}

function EndpointFacts({ detail }: { detail: EndpointDetail }) {
  const { figures } = detail;
  return (
    <>
      <section class="card">
        <h3>How long it took</h3>
        {figures === null ? (
          <Empty title="No request in this time." />
        ) : (
          <>
            <p class="facts">
              <span>
                <b>{number(figures.count)}</b> answered
              </span>
              <span>
                P50 <b>{milliseconds(figures.p50)}</b>
              </span>
              <span>
                P95 <b>{milliseconds(figures.p95)}</b>
              </span>
              <span>
                P99 <b>{milliseconds(figures.p99)}</b>
              </span>
              <span>
                errors <b>{percent(figures.errorRate)}</b>
              </span>
              {figures.lowConfidence === true ? (
                <span class="quiet">few samples: high quantiles are guesses</span>
              ) : null}
            </p>
            <Distribution
              bars={detail.distribution}
              quantiles={[
                { label: 'P50', ms: figures.p50 },
                { label: 'P95', ms: figures.p95 },
                { label: 'P99', ms: figures.p99 },
              ]}
            />
          </>
        )}
      </section>
      <section class="card">
        <h3>Its statements</h3>
        <QueryTable rows={detail.queries} caption="Statements of this endpoint" empty="It sends no statements." />
      </section>
      <section class="card">
        <h3>Its cache classes</h3>
        <DataTable
          caption="Cache classes of this endpoint"
          rows={detail.cacheClasses}
          keyOf={(row) => row.keyClass}
          sortedBy="Calls"
          empty="Its recent requests made no cache calls."
          columns={[
            {
              title: 'Class',
              by: (row) => row.keyClass,
              cell: (row) => <a href={hrefOf({ view: 'cache' })}>{row.keyClass}</a>,
            },
            { title: 'Calls', figure: true, by: (row) => row.calls, cell: (row) => number(row.calls) },
            {
              title: 'Hit rate',
              figure: true,
              by: (row) => row.hits / row.calls,
              cell: (row) => percent((100 * row.hits) / row.calls),
            },
            { title: 'Average', figure: true, by: (row) => row.averageMs, cell: (row) => milliseconds(row.averageMs) },
          ]}
        />
      </section>
      <section class="card">
        <h3>Its slowest recent requests</h3>
        <TraceTable traces={detail.slowest} />
      </section>
    </>
  );
}

export function TraceTable({ traces }: { traces: EndpointDetail['slowest'] }) {
  return (
    <DataTable
      caption="Requests"
      rows={traces}
      keyOf={(row) => row.spanId}
      sortedBy="Took"
      empty="None is kept."
      columns={[
        {
          title: 'Request',
          by: (row) => row.at,
          cell: (row) => (
            <a href={hrefOf({ view: 'trace', item: row.correlationId })}>
              <code>{row.correlationId.slice(0, 13)}</code>
            </a>
          ),
        },
        { title: 'When', by: (row) => row.at, cell: (row) => time(row.at) },
        {
          title: 'Status',
          figure: true,
          by: (row) => row.statusCode,
          cell: (row) => (row.aborted ? 'aborted' : row.statusCode),
        },
        { title: 'Took', figure: true, by: (row) => row.durationMs, cell: (row) => milliseconds(row.durationMs) },
        {
          title: 'SQL',
          figure: true,
          by: (row) => row.queryMs,
          cell: (row) => `${number(row.queryCount)} · ${milliseconds(row.queryMs)}`,
        },
        {
          title: 'Cache',
          figure: true,
          by: (row) => row.cacheMs,
          cell: (row) => `${number(row.cacheCallCount)} · ${milliseconds(row.cacheMs)}`,
        },
      ]}
    />
  );
}
