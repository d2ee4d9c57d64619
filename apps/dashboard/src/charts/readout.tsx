export interface ReadoutRow {
  label: string;
  tone: 0 | 1 | 2;
  value: string;
}

/** The lines' names, dashes and values at the pointer, or the newest ones. */
export function Readout({ rows, when }: { rows: ReadoutRow[]; when: string }) {
  return (
    <p class="readout">
      {rows.map((row) => (
        <span key={row.label} class="readout-row">
          <svg class={`swatch tone-${row.tone}`} width="18" height="8" aria-hidden="true">
            <line x1="0" y1="4" x2="18" y2="4" />
          </svg>
          {row.label} <b>{row.value}</b>
        </span>
      ))}
      <span class="readout-when">{when}</span>
    </p>
  );
}
