/** A line of a few points in a table's cell. The cells beside it have the figures, so it is hidden from screen readers. */
export function Sparkline({ values }: { values: readonly (number | null)[] }) {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return <span class="spark-empty" aria-hidden="true" />;
  const high = Math.max(...known) || 1;
  const points = values
    .map((value, i) =>
      value === null
        ? null
        : `${((i / (values.length - 1)) * 88 + 1).toFixed(1)},${(21 - (value / high) * 19).toFixed(1)}`,
    )
    .filter((point) => point !== null);
  return (
    <svg class="spark" viewBox="0 0 90 22" width="90" height="22" aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  );
}
