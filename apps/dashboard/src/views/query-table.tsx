import type { QueryFigures } from '../figures.js';
import { milliseconds, number } from '../format.js';
import { hrefOf } from '../navigation.js';
import { DataTable, type Column } from '../ui/data-table.js';

const COLUMNS: Column<QueryFigures>[] = [
  {
    title: 'Statement',
    by: (row) => row.query,
    cell: (row) => (
      <a class="clip mono" href={hrefOf({ view: 'queries', item: row.fingerprint })} title={row.query}>
        {row.query}
      </a>
    ),
  },
  { title: 'Calls', figure: true, by: (row) => row.count, cell: (row) => number(row.count) },
  { title: 'Total', figure: true, by: (row) => row.totalMs, cell: (row) => milliseconds(row.totalMs) },
  { title: 'Mean', figure: true, by: (row) => row.average, cell: (row) => milliseconds(row.average) },
  { title: 'P95', figure: true, by: (row) => row.p95, cell: (row) => milliseconds(row.p95) },
  { title: 'Waited', figure: true, by: (row) => row.averageWaitMs, cell: (row) => milliseconds(row.averageWaitMs) },
  {
    title: 'Rows a call',
    figure: true,
    by: (row) => row.rows / Math.max(1, row.count),
    cell: (row) => number(row.rows / Math.max(1, row.count)),
  },
  { title: 'Slow', figure: true, by: (row) => row.slow, cell: (row) => number(row.slow) },
  { title: 'Errors', figure: true, by: (row) => row.errors, cell: (row) => number(row.errors) },
];

export function QueryTable({
  rows,
  caption,
  empty,
}: {
  rows: readonly QueryFigures[];
  caption: string;
  empty: string;
}) {
  return (
    <DataTable
      caption={caption}
      rows={rows}
      columns={COLUMNS}
      keyOf={(row) => row.fingerprint}
      text={(row) => `${row.query} ${row.endpoints.join(' ')}`}
      sortedBy="Total"
      empty={empty}
    />
  );
}
