import { useState } from 'preact/hooks';
import { sendJson, words } from '../request.js';
import { announce } from '../ui/announcer.js';

const TYPES = ['response_time', 'error_rate', 'cpu_usage', 'memory_usage', 'cache_hit_rate', 'slow_query'];

/** Silence for a time: alerts are still recorded and shown. */
export function MuteForm({ onDone }: { onDone: () => void }) {
  const [type, setType] = useState('');
  const [minutes, setMinutes] = useState('30');
  const [reason, setReason] = useState('');
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await sendJson('POST', '/performance/mutes', {
        ...(type === '' ? {} : { type }),
        minutes: Number(minutes),
        reason,
      });
      setReason('');
      announce('Muted. Alerts are recorded and shown, and nobody is told.', 'good');
      onDone();
    } catch (error) {
      announce(words(error), 'bad');
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      <label>
        Mute
        <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
          <option value="">everything</option>
          {TYPES.map((name) => (
            <option key={name} value={name}>
              {name.replaceAll('_', ' ')}
            </option>
          ))}
        </select>
      </label>
      <label>
        for minutes
        <input
          type="number"
          min="1"
          max="10080"
          required
          value={minutes}
          onInput={(event) => setMinutes(event.currentTarget.value)}
        />
      </label>
      <label class="grow">
        because
        <input required maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <button type="submit">Mute</button>
    </form>
  );
}
