import { Waterfall } from '../charts/waterfall.js';
import type { Trace } from '../figures.js';
import { bytes, milliseconds, time } from '../format.js';
import { hrefOf, place } from '../navigation.js';
import { CopyButton } from '../ui/action.js';
import { Loaded, useFetched } from '../ui/loaded.js';

/** One request in full. Several may share a correlation id; each has its waterfall. */
export function TraceView() {
  const id = place.value.item ?? '';
  const answer = useFetched<{ data: Trace[] }>(`/performance/traces/${encodeURIComponent(id)}`, 600_000);
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={hrefOf({ view: 'endpoints' })}>Endpoints</a> › request
      </nav>
      <h2>
        Request <code>{id}</code>
      </h2>
      <Loaded from={answer} what="trace">
        {({ data }) => data.map((trace) => <TraceCard key={trace.spanId} trace={trace} />)}
      </Loaded>
    </>
  );
}

function TraceCard({ trace }: { trace: Trace }) {
  const left = trace.queryCount - trace.queries.length + (trace.cacheCallCount - trace.cacheCalls.length);
  return (
    <section class="card">
      <div class="head">
        <h3>
          <a href={hrefOf({ view: 'endpoints', item: trace.endpoint })}>{trace.endpoint}</a>
        </h3>
        <CopyButton text={() => trace.traceId}>Copy trace id</CopyButton>
      </div>
      <p class="facts">
        <span>
          <b>{trace.aborted ? 'aborted' : trace.statusCode}</b> at {time(trace.at)}
        </span>
        <span>
          took <b>{milliseconds(trace.durationMs)}</b>
        </span>
        <span>
          first byte after <b>{milliseconds(trace.firstByteMs)}</b>
        </span>
        <span>
          SQL <b>{milliseconds(trace.queryMs)}</b> in {trace.queryCount}
        </span>
        <span>
          cache <b>{milliseconds(trace.cacheMs)}</b> in {trace.cacheCallCount}
        </span>
        {trace.memory === undefined ? null : (
          <span>
            heap {trace.memory.exact ? '' : 'about '}
            <b>{bytes(trace.memory.heapBytes)}</b>
            {trace.memory.exact ? '' : ' (others ran at the same time)'}
          </span>
        )}
        {trace.error === undefined ? null : <span class="bad">{trace.error}</span>}
      </p>
      <Waterfall trace={trace} />
      {left > 0 ? <p class="quiet">{left} further steps were counted and not kept.</p> : null}
    </section>
  );
}
