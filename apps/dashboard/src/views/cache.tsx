import { useState } from 'preact/hooks';
import { TimeChart } from '../charts/time-chart.js';
import type { CacheClass, CacheFigures } from '../figures.js';
import { bytes, milliseconds, number, percent, span } from '../format.js';
import { series } from '../live/series.js';
import { sendJson, words } from '../request.js';
import { announce } from '../ui/announcer.js';
import { Badge } from '../ui/badges.js';
import { DataTable, type Column } from '../ui/data-table.js';
import { Dialog } from '../ui/dialog.js';
import { Loaded, useFetched } from '../ui/loaded.js';

const adviceOf = (row: CacheClass): string => {
  if (row.advice === undefined) return '';
  return typeof row.advice === 'string' ? row.advice : row.advice.reason;
};

const CLASSES: Column<CacheClass>[] = [
  {
    title: 'Class',
    by: (row) => row.name,
    cell: (row) => (
      <>
        {row.name} {row.strict === true ? <Badge mood="quiet">strict</Badge> : null}
        {row.pattern === undefined ? null : <code class="block">{row.pattern}</code>}
      </>
    ),
  },
  {
    title: 'Hit rate',
    figure: true,
    by: (row) => row.hitRate,
    cell: (row) => (row.hits + row.misses === 0 ? '–' : percent(row.hitRate)),
  },
  { title: 'Hits', figure: true, by: (row) => row.hits, cell: (row) => number(row.hits) },
  { title: 'Misses', figure: true, by: (row) => row.misses, cell: (row) => number(row.misses) },
  { title: 'Load', figure: true, by: (row) => row.medianLoadMs ?? 0, cell: (row) => milliseconds(row.medianLoadMs) },
  { title: 'Joined', figure: true, by: (row) => row.joined ?? 0, cell: (row) => number(row.joined) },
  { title: 'Fenced', figure: true, by: (row) => row.fenced ?? 0, cell: (row) => number(row.fenced) },
  { title: 'Held', figure: true, by: (row) => row.memory?.bytes ?? 0, cell: (row) => bytes(row.memory?.bytes) },
  { title: 'Kept for', figure: true, by: (row) => row.ttlSeconds, cell: (row) => span(row.ttlSeconds * 1000) },
  { title: 'Advice', cell: (row) => <span class="advice-cell">{adviceOf(row)}</span> },
];

/** Tiers, classes, the hit rate over time, and a way to make entries stale. */
export function Cache() {
  const answer = useFetched<CacheFigures>('/performance/cache?window=300');
  const loaded = series.value;
  const points = loaded.state === 'ready' ? loaded.content.points : [];
  return (
    <>
      <div class="charts">
        <TimeChart
          title="Cache hit rate"
          times={points.map((point) => Date.parse(point.at) / 1000)}
          lines={[{ label: 'hits', tone: 0, values: points.map((point) => point.cacheHitRate) }]}
          format={percent}
          atLeast={100}
          atMost={100}
        />
        <Invalidate />
      </div>
      <Loaded from={answer} what="cache figures">
        {(figures) => (
          <>
            <section class="card">
              <div class="head">
                <h2>Classes</h2>
                <Badge mood={figures.isHealthy ? 'good' : 'bad'}>
                  {figures.isHealthy ? 'healthy' : 'without Redis'}
                </Badge>
              </div>
              <DataTable
                caption="Key classes"
                rows={figures.classes}
                columns={CLASSES}
                keyOf={(row) => row.name}
                text={(row) => `${row.name} ${row.pattern ?? ''}`}
                sortedBy="Hits"
                empty="No key class is declared."
              />
            </section>
            <section class="card">
              <h3>Tiers</h3>
              <DataTable
                caption="Tiers"
                rows={figures.tiers}
                keyOf={(row) => row.name}
                sortedBy="Hits"
                empty="There is no tier."
                columns={[
                  {
                    title: 'Tier',
                    by: (row) => row.name,
                    cell: (row) => `${row.name}${row.state === undefined ? '' : ` (${row.state})`}`,
                  },
                  { title: 'Hits', figure: true, by: (row) => row.hits, cell: (row) => number(row.hits) },
                  { title: 'Misses', figure: true, by: (row) => row.misses, cell: (row) => number(row.misses) },
                  { title: 'Sets', figure: true, by: (row) => row.sets, cell: (row) => number(row.sets) },
                  {
                    title: 'Evictions',
                    figure: true,
                    by: (row) => row.evictions,
                    cell: (row) => number(row.evictions),
                  },
                  { title: 'Errors', figure: true, by: (row) => row.errors, cell: (row) => number(row.errors) },
                  { title: 'Entries', figure: true, by: (row) => row.entries ?? 0, cell: (row) => number(row.entries) },
                  { title: 'Size', figure: true, by: (row) => row.bytes, cell: (row) => bytes(row.bytes) },
                ]}
              />
            </section>
          </>
        )}
      </Loaded>
    </>
  );
}

type Kind = 'key' | 'tag' | 'pattern';

interface Asked {
  kind: Kind;
  value: string;
  count: number;
}

/** Counts first, and removes only after the count was seen. */
function Invalidate() {
  const [kind, setKind] = useState<Kind>('pattern');
  const [value, setValue] = useState('');
  const [asked, setAsked] = useState<Asked | undefined>(undefined);
  const send = async (dryRun: boolean, of: { kind: Kind; value: string }): Promise<number> => {
    const answer = await sendJson<{ count: number }>('POST', '/performance/cache/invalidate', {
      [of.kind]: of.value,
      ...(dryRun ? { dryRun } : {}),
    });
    return answer!.count;
  };
  const count = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      setAsked({ kind, value, count: await send(true, { kind, value }) });
    } catch (error) {
      announce(words(error), 'bad');
    }
  };
  const remove = async (what: Asked): Promise<void> => {
    setAsked(undefined);
    try {
      announce(`${entries(await send(false, what))} made stale.`, 'good');
    } catch (error) {
      announce(words(error), 'bad');
    }
  };
  return (
    <section class="card">
      <h3>Make entries stale</h3>
      <form class="form" onSubmit={(event) => void count(event)}>
        <label>
          By
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
            <option value="pattern">pattern</option>
            <option value="tag">tag</option>
            <option value="key">key</option>
          </select>
        </label>
        <label class="grow">
          {kind === 'pattern' ? 'Pattern, such as user:123:*' : kind === 'tag' ? 'Tag' : 'Key'}
          <input
            required
            maxLength={1000}
            value={value}
            spellcheck={false}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Count first</button>
      </form>
      <p class="quiet">Nothing is removed before you have seen how many entries it takes.</p>
      {asked === undefined ? null : (
        <Dialog title="Make entries stale?" onClose={() => setAsked(undefined)}>
          <p>
            <strong>{entries(asked.count)}</strong> fit the {asked.kind} <code>{asked.value}</code>. They are loaded
            anew when they are next asked for, on every instance.
          </p>
          <div class="buttons">
            <button type="button" onClick={() => setAsked(undefined)}>
              Keep them
            </button>
            <button type="button" class="danger" onClick={() => void remove(asked)}>
              Make {entries(asked.count)} stale
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

const entries = (count: number): string => `${number(count)} ${count === 1 ? 'entry' : 'entries'}`;
