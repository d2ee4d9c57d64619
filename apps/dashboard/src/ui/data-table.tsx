import { useMemo, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Empty } from './loaded.js';

export interface Column<Row> {
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** What it is sorted by; a column without it is not sortable. */
  by?: (row: Row) => number | string;
  /** Figures stand on the right. */
  figure?: boolean;
}

export interface DataTableProps<Row> {
  caption: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  /** What the filter looks through; without it there is no filter. */
  text?: (row: Row) => string;
  sortedBy: string;
  ascending?: boolean;
  empty: string;
}

/** Sorts by any column and filters by words; headers are buttons, so the keyboard can do it all. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { rows, columns, text } = props;
  const [sort, setSort] = useState({ title: props.sortedBy, ascending: props.ascending ?? false });
  const [filter, setFilter] = useState('');
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row) => wanted.every((word) => text?.(row).toLowerCase().includes(word)));
    const by = columns.find((column) => column.title === sort.title)?.by;
    if (by === undefined) return kept;
    return [...kept].sort((a, b) => (sort.ascending ? 1 : -1) * compare(by(a), by(b)));
  }, [rows, columns, filter, sort]);

  return (
    <div class="table">
      {text === undefined ? null : (
        <label class="filter">
          <span>Filter</span>
          <input type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
          <small role="status">
            {shown.length} of {rows.length}
          </small>
        </label>
      )}
      {rows.length === 0 ? (
        <Empty title={props.empty} />
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label={props.caption}>
          <table>
            <caption class="sr-only">{props.caption}</caption>
            <thead>
              <tr>
                {columns.map((column) => (
                  <Header key={column.title} column={column} sort={sort} onSort={setSort} />
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((row) => (
                <tr key={props.keyOf(row)}>
                  {columns.map((column) => (
                    <td key={column.title} class={column.figure === true ? 'figure' : ''}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

interface Sort {
  title: string;
  ascending: boolean;
}

function Header<Row>({ column, sort, onSort }: { column: Column<Row>; sort: Sort; onSort: (sort: Sort) => void }) {
  const { title, by, figure } = column;
  const style = figure === true ? 'figure' : '';
  if (by === undefined)
    return (
      <th scope="col" class={style}>
        {title}
      </th>
    );
  const current = sort.title === title;
  const direction = sort.ascending ? 'ascending' : 'descending';
  return (
    <th scope="col" class={style} aria-sort={current ? direction : 'none'}>
      <button
        type="button"
        class="sort"
        onClick={() => onSort({ title, ascending: current ? !sort.ascending : false })}
      >
        {title}
        <span aria-hidden="true">{current ? (sort.ascending ? ' ▲' : ' ▼') : ' ↕'}</span>
      </button>
    </th>
  );
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
}
