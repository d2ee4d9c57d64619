import { useState } from 'preact/hooks';
import type { ThresholdAdvice, ThresholdName, Thresholds } from '../figures.js';
import { number } from '../format.js';
import { sendJson, words } from '../request.js';
import { Action } from '../ui/action.js';
import { announce } from '../ui/announcer.js';
import { Loaded, useFetched } from '../ui/loaded.js';

const FIELDS: { name: ThresholdName; title: string; unit: string }[] = [
  { name: 'responseTimeMs', title: 'Response time, P95', unit: 'ms' },
  { name: 'errorRatePercent', title: 'Error rate', unit: '%' },
  { name: 'cpuUsagePercent', title: 'CPU', unit: '%' },
  { name: 'memoryUsagePercent', title: 'Memory', unit: '%' },
  { name: 'cacheHitRatePercent', title: 'Cache hit rate, at least', unit: '%' },
  { name: 'slowQueryMs', title: 'Slow statement', unit: 'ms' },
];

/** Thresholds, changed in place, each with what history would have liked better. */
export function ThresholdForm() {
  const thresholds = useFetched<Thresholds>('/performance/thresholds', 10_000);
  const advice = useFetched<{ data: ThresholdAdvice[] }>('/performance/thresholds/advice', 300_000);
  return (
    <section class="card">
      <h2>Thresholds</h2>
      <Loaded from={thresholds} what="thresholds">
        {(values) => (
          <div class="thresholds">
            {FIELDS.map((field) => (
              <ThresholdField
                key={field.name}
                {...field}
                value={values[field.name]}
                advice={advice.content?.data.find((one) => one.name === field.name)}
                onSaved={thresholds.again}
              />
            ))}
          </div>
        )}
      </Loaded>
      <p class="quiet">
        A change holds on every instance within two seconds and survives a restart. Suggestions need a day of history
        {advice.content === undefined || advice.content.data.length > 0 ? '.' : '; there is none to make now.'}
      </p>
    </section>
  );
}

interface FieldProps {
  name: ThresholdName;
  title: string;
  unit: string;
  value: number;
  advice: ThresholdAdvice | undefined;
  onSaved: () => void;
}

function ThresholdField({ name, title, unit, value, advice, onSaved }: FieldProps) {
  const [draft, setDraft] = useState<string | undefined>(undefined);
  const save = async (next: number | null): Promise<string> => {
    const all = await sendJson<Thresholds>('PUT', '/performance/thresholds', { [name]: next });
    setDraft(undefined);
    onSaved();
    return `${title} is now ${number(all![name])} ${unit}.`;
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      announce(await save(Number(draft)), 'good');
    } catch (error) {
      announce(words(error), 'bad');
    }
  };
  return (
    <form class="threshold" onSubmit={(event) => void submit(event)}>
      <label>
        {title} ({unit})
        <input
          type="number"
          step="any"
          required
          name={name}
          value={draft ?? String(value)}
          onInput={(event) => setDraft(event.currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button type="submit" disabled={draft === undefined || draft === '' || Number(draft) === value}>
          Save
        </button>
        <Action class="link" act={() => save(null)} label={`Reset ${title} to the configured value`}>
          Reset
        </Action>
      </div>
      {advice === undefined ? null : (
        <p class="suggestion">
          Suggested: <b>{number(advice.suggested)}</b> {unit}, since {advice.reason}. It would have fired{' '}
          {advice.suggestedWouldHaveFired} {advice.suggestedWouldHaveFired === 1 ? 'time' : 'times'} in{' '}
          {Math.round(advice.days)} days; at {number(advice.current)} {unit} it fired {advice.currentWouldHaveFired}.{' '}
          <Action class="link" act={() => save(advice.suggested)}>
            Take it
          </Action>
        </p>
      )}
    </form>
  );
}
