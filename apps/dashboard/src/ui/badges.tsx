import type { Severity } from '../figures.js';

const SHAPES: Record<Severity, string> = { low: '○', medium: '◐', high: '●', critical: '▲' };

/** A severity by word, shape and colour. */
export function SeverityBadge({ severity }: { severity: Severity }) {
  return (
    <span class={`badge badge-${severity}`}>
      <span aria-hidden="true">{SHAPES[severity]} </span>
      {severity}
    </span>
  );
}

export function Badge({ mood, children }: { mood: 'good' | 'bad' | 'quiet'; children: string }) {
  return <span class={`badge badge-${mood}`}>{children}</span>;
}
