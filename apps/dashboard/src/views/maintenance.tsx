import type { MaintenanceRun } from '../figures.js';
import { milliseconds, time } from '../format.js';
import { sendJson } from '../request.js';
import { Action } from '../ui/action.js';
import { Badge } from '../ui/badges.js';
import { Empty, Loaded, useFetched } from '../ui/loaded.js';

/** The database's upkeep: what the last runs did, and a button for one more. */
export function Maintenance() {
  const runs = useFetched<{ data: MaintenanceRun[] }>('/performance/database/maintenance', 3_000);
  return (
    <section class="card">
      <div class="head">
        <h2>Maintenance</h2>
        <Action
          act={async () => {
            await sendJson('POST', '/performance/database/maintenance');
            runs.again();
            return 'A run was started, unless one is under way on some instance.';
          }}
        >
          Run now
        </Action>
      </div>
      <Loaded from={runs} what="maintenance runs">
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No run yet.">It runs by itself on a schedule, on one instance at a time.</Empty>
          ) : (
            data.map((run) => <Run key={run.id} run={run} />)
          )
        }
      </Loaded>
    </section>
  );
}

function Run({ run }: { run: MaintenanceRun }) {
  const mood = run.status === 'completed' ? 'good' : run.status === 'running' ? 'quiet' : 'bad';
  return (
    <details class="run" open={run.status === 'running'}>
      <summary>
        <Badge mood={mood}>{run.status}</Badge> {time(run.startedAt)}{' '}
        {run.finishedAt === null ? '' : `· ${milliseconds(Date.parse(run.finishedAt) - Date.parse(run.startedAt))} `}·{' '}
        {run.steps.length} {run.steps.length === 1 ? 'step' : 'steps'} on <code>{run.instance}</code>
      </summary>
      <ul class="plain">
        {run.steps.map((step, i) => (
          <li key={i}>
            <Badge mood={step.status === 'done' ? 'good' : step.status === 'skipped' ? 'quiet' : 'bad'}>
              {step.status}
            </Badge>{' '}
            <strong>
              {step.task} {step.table ?? ''}
            </strong>{' '}
            {step.detail} <small class="quiet">{milliseconds(step.durationMs)}</small>
          </li>
        ))}
      </ul>
    </details>
  );
}
