import type { Trace } from '../figures.js';
import { milliseconds } from '../format.js';
import { hrefOf } from '../navigation.js';

interface Bar {
  kind: 'request' | 'wait' | 'query' | 'cache';
  label: string;
  startMs: number;
  durationMs: number;
  note?: string;
  fingerprint?: string;
  failed?: boolean;
}

const KINDS: Record<Bar['kind'], string> = {
  request: 'request',
  wait: 'waits for a connection',
  query: 'SQL',
  cache: 'cache',
};

function barsOf(trace: Trace): Bar[] {
  const inner = [
    ...trace.cacheCalls.map((call): Bar => ({
      kind: 'cache',
      label: `${call.operation} ${call.keyClass}`,
      startMs: call.startMs,
      durationMs: call.durationMs,
      note: call.tier === undefined ? call.outcome : `${call.outcome} in ${call.tier}`,
    })),
    ...trace.queries.flatMap((query): Bar[] => [
      ...(query.waitMs >= 0.05
        ? [
            {
              kind: 'wait' as const,
              label: 'pool',
              startMs: Math.max(0, query.startMs - query.waitMs),
              durationMs: query.waitMs,
            },
          ]
        : []),
      {
        kind: 'query',
        label: query.query,
        startMs: query.startMs,
        durationMs: query.durationMs,
        note: query.failed ? 'failed' : `${query.rows} ${query.rows === 1 ? 'row' : 'rows'}`,
        fingerprint: query.fingerprint,
        failed: query.failed,
      },
    ]),
  ].sort((a, b) => a.startMs - b.startMs);
  return [{ kind: 'request', label: trace.endpoint, startMs: 0, durationMs: trace.durationMs }, ...inner];
}

/** One request over its own time: cache calls, waiting for the pool, and SQL, each where it began and as long as it took. */
export function Waterfall({ trace }: { trace: Trace }) {
  const bars = barsOf(trace);
  const total = Math.max(0.001, ...bars.map((bar) => bar.startMs + bar.durationMs));
  return (
    <div class="scroll">
      <table class="waterfall">
        <caption class="sr-only">What the request did, in order</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
            <th scope="col" class="wide">
              Over {milliseconds(total)}
            </th>
          </tr>
        </thead>
        <tbody>
          {bars.map((bar, i) => (
            <tr key={i}>
              <th scope="row">
                <span class={`kind kind-${bar.kind}`}>{KINDS[bar.kind]}</span>{' '}
                {bar.fingerprint === undefined ? (
                  <span class="clip">{bar.label}</span>
                ) : (
                  <a class="clip" href={hrefOf({ view: 'queries', item: bar.fingerprint })}>
                    {bar.label}
                  </a>
                )}{' '}
                {bar.note === undefined ? null : <small class={bar.failed === true ? 'bad' : ''}>{bar.note}</small>}
              </th>
              <td>{milliseconds(bar.startMs)}</td>
              <td>{milliseconds(bar.durationMs)}</td>
              <td class="wide">
                <i
                  class={`bar kind-${bar.kind}`}
                  style={{
                    marginLeft: `${(100 * bar.startMs) / total}%`,
                    width: `${Math.max(0.4, (100 * bar.durationMs) / total)}%`,
                  }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
