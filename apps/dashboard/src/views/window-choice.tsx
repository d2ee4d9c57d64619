export type WindowSeconds = 60 | 300 | 3600;

const TITLES: Record<WindowSeconds, string> = { 60: '1 min', 300: '5 min', 3600: '1 h' };

/** Which window a table's figures are of. */
export function WindowChoice({ value, onChange }: { value: WindowSeconds; onChange: (value: WindowSeconds) => void }) {
  return (
    <div class="choice" role="group" aria-label="Figures of the last">
      {([60, 300, 3600] as const).map((seconds) => (
        <button key={seconds} type="button" aria-pressed={seconds === value} onClick={() => onChange(seconds)}>
          {TITLES[seconds]}
        </button>
      ))}
    </div>
  );
}
