import { useState } from 'preact/hooks';
import { PlanTree } from '../charts/plan-tree.js';
import type { Advice, Analysis, QueryDetail, QueryFigures } from '../figures.js';
import { milliseconds, number, time } from '../format.js';
import { hrefOf, place } from '../navigation.js';
import { CopyButton } from '../ui/action.js';
import { Empty, Loaded, useFetched } from '../ui/loaded.js';
import { QueryTable } from './query-table.js';
import { WindowChoice, type WindowSeconds } from './window-choice.js';

/** All statements in a table with what the adviser says, or one of them with its plan. */
export function Queries() {
  const { item } = place.value;
  return item === undefined ? <AllQueries /> : <Query fingerprint={item} />;
}

function AllQueries() {
  const [window, setWindow] = useState<WindowSeconds>(300);
  const answer = useFetched<{ data: QueryFigures[] }>(`/performance/queries?window=${window}`);
  const analysis = useFetched<Analysis>('/performance/database/analysis', 60_000);
  return (
    <>
      <section class="card">
        <div class="head">
          <h2>Queries</h2>
          <WindowChoice value={window} onChange={setWindow} />
        </div>
        <Loaded from={answer} what="queries">
          {({ data }) => <QueryTable rows={data} caption="Statements" empty="No statement was sent in this time." />}
        </Loaded>
      </section>
      <section class="card">
        <h3>What the adviser says</h3>
        <Loaded from={analysis} what="advice">
          {({ recommendations }) =>
            recommendations.length === 0 ? (
              <Empty title="Nothing to mend.">
                No missing, unused or duplicate index was found for what was asked.
              </Empty>
            ) : (
              recommendations.map((advice) => <AdviceCard key={advice.statement} advice={advice} />)
            )
          }
        </Loaded>
      </section>
    </>
  );
}

export function AdviceCard({ advice }: { advice: Advice }) {
  return (
    <article class="advice">
      <p>
        <span class="badge badge-medium">{advice.kind.replaceAll('_', ' ')}</span> {advice.reason}
      </p>
      <div class="statement">
        <pre tabIndex={0}>
          <code>{advice.statement}</code>
        </pre>
        <CopyButton text={() => advice.statement}>Copy</CopyButton>
      </div>
    </article>
  );
}

function Query({ fingerprint }: { fingerprint: string }) {
  const answer = useFetched<QueryDetail>(`/performance/queries/${encodeURIComponent(fingerprint)}`, 10_000);
  const analysis = useFetched<Analysis>('/performance/database/analysis', 60_000);
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={hrefOf({ view: 'queries' })}>Queries</a> › {fingerprint}
      </nav>
      <Loaded from={answer} what="figures of this statement">
        {(query) => <QueryFacts query={query} advice={adviceFor(analysis.content, fingerprint)} />}
      </Loaded>
    </>
  );
}

/** The advice whose evidence names this statement. */
function adviceFor(analysis: Analysis | undefined, fingerprint: string): Advice[] {
  return (analysis?.recommendations ?? []).filter((advice) => JSON.stringify(advice.evidence).includes(fingerprint));
}

function QueryFacts({ query, advice }: { query: QueryDetail; advice: Advice[] }) {
  const text = query.query ?? query.detail?.query ?? query.fingerprint;
  return (
    <>
      <section class="card">
        <div class="head">
          <h2>Statement</h2>
          <CopyButton text={() => text}>Copy</CopyButton>
        </div>
        <pre class="sql" tabIndex={0}>
          <code>{text}</code>
        </pre>
        <p class="facts">
          <span>
            <b>{number(query.count)}</b> calls in the hour
          </span>
          <span>
            total <b>{milliseconds(query.totalMs)}</b>
          </span>
          <span>
            mean <b>{milliseconds(query.average)}</b>
          </span>
          <span>
            P95 <b>{milliseconds(query.p95)}</b>
          </span>
          <span>
            longest <b>{milliseconds(query.max)}</b>
          </span>
          <span>
            waited for a connection <b>{milliseconds(query.averageWaitMs)}</b>
          </span>
          <span>
            <b>{number(query.errors)}</b> failed
          </span>
        </p>
        {query.endpoints === undefined || query.endpoints.length === 0 ? null : (
          <p>
            Sent by{' '}
            {query.endpoints.map((endpoint, i) => (
              <span key={endpoint}>
                {i > 0 ? ', ' : ''}
                <a href={hrefOf({ view: 'endpoints', item: endpoint })}>{endpoint}</a>
              </span>
            ))}
          </p>
        )}
      </section>
      <PlanCard query={query} />
      <section class="card">
        <h3>Advice</h3>
        {advice.length === 0 ? (
          <Empty title="No index would serve it better, as far as the adviser can tell." />
        ) : (
          advice.map((one) => <AdviceCard key={one.statement} advice={one} />)
        )}
      </section>
      <SlowExecutions query={query} />
    </>
  );
}

function PlanCard({ query }: { query: QueryDetail }) {
  const { plan, planTree } = query.detail ?? {};
  return (
    <section class="card">
      <h3>Plan</h3>
      {plan === undefined && planTree === undefined ? (
        <Empty title="No plan yet.">A plan is captured once the statement was slow, beside the traffic.</Empty>
      ) : (
        <>
          {plan === undefined ? null : <p>{plan}</p>}
          {planTree === undefined ? null : <PlanTree plan={planTree} />}
        </>
      )}
    </section>
  );
}

function SlowExecutions({ query }: { query: QueryDetail }) {
  const slow = query.detail?.slowExecutions ?? [];
  if (slow.length === 0) return null;
  return (
    <section class="card">
      <h3>Slow executions</h3>
      <ul class="plain">
        {slow.slice(0, 20).map((one) => (
          <li key={one.at + String(one.durationMs)}>
            <time dateTime={one.at}>{time(one.at)}</time> <b>{milliseconds(one.durationMs)}</b>{' '}
            {one.correlationId === undefined ? (
              one.endpoint
            ) : (
              <a href={hrefOf({ view: 'trace', item: one.correlationId })}>{one.endpoint ?? one.correlationId}</a>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
