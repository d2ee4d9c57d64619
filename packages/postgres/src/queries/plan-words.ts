import { withoutValues } from './fingerprint.js';
import type { PlanNode } from './plan-node.js';
import { nodesOf } from './plan.js';

/** What is known beside the plan. */
export interface PlanSurroundings {
  /** Rows of each table, by `schema.table`, as the planner's statistics have it. */
  readonly tableRows: ReadonlyMap<string, number>;
  /** What a sort may use before it spills to disk. */
  readonly workMemBytes: number;
  /** What an execution really returned or changed, on average, where that was observed. */
  readonly observedRows: number | undefined;
}

const NOTEWORTHY_ROWS = 1_000;
const MISESTIMATE_FACTOR = 20;

/**
 * What is costly about a plan, in sentences, the worst first; one sentence when nothing is. Values in conditions are
 * replaced by `?`. Row counts are the planner's estimates, said with "about".
 */
export function planInWords(plan: PlanNode, surroundings: PlanSurroundings): string[] {
  const sentences: string[] = [];
  for (const node of nodesOf(plan)) {
    const scan = sequentialScan(node, surroundings);
    if (scan !== undefined) sentences.push(scan);
    const sort = spillingSort(node, surroundings);
    if (sort !== undefined) sentences.push(sort);
    const loop = wideNestedLoop(node);
    if (loop !== undefined) sentences.push(loop);
    const discard = discardingIndexScan(node);
    if (discard !== undefined) sentences.push(discard);
  }
  const misestimate = misestimated(plan, surroundings);
  if (misestimate !== undefined) sentences.push(misestimate);
  return sentences.length === 0 ? [indexesInWords(plan)] : sentences;
}

function sequentialScan(node: PlanNode, { tableRows }: PlanSurroundings): string | undefined {
  if (node['Node Type'] !== 'Seq Scan') return undefined;
  const rows = tableRows.get(`${node.Schema}.${node['Relation Name']}`) ?? node['Plan Rows'];
  if (rows < NOTEWORTHY_ROWS) return undefined;
  const kept =
    node.Filter === undefined
      ? 'all of them wanted'
      : `about ${count(node['Plan Rows'])} kept by ${withoutValues(node.Filter)}`;
  return `Sequential scan of ${node['Relation Name']}: about ${count(rows)} rows read, ${kept}.`;
}

function spillingSort(node: PlanNode, { workMemBytes }: PlanSurroundings): string | undefined {
  if (node['Node Type'] !== 'Sort') return undefined;
  const bytes = (node.Plans?.[0]?.['Plan Rows'] ?? node['Plan Rows']) * (node['Plan Width'] + 24);
  if (bytes <= workMemBytes) return undefined;
  const keys = (node['Sort Key'] ?? []).map(withoutValues).join(', ');
  return `Sort by ${keys} of about ${megabytes(bytes)}, more than the ${megabytes(workMemBytes)} of work_mem: it spills to disk unless a limit cuts it short.`;
}

function wideNestedLoop(node: PlanNode): string | undefined {
  if (node['Node Type'] !== 'Nested Loop') return undefined;
  const [outer, inner] = node.Plans ?? [];
  if (outer === undefined || inner === undefined || inner['Node Type'] !== 'Seq Scan') return undefined;
  if (outer['Plan Rows'] < 10 || inner['Plan Rows'] * outer['Plan Rows'] < NOTEWORTHY_ROWS) return undefined;
  return `Nested loop: ${inner['Relation Name']} is scanned anew about ${count(outer['Plan Rows'])} times.`;
}

function discardingIndexScan(node: PlanNode): string | undefined {
  if (!node['Node Type'].startsWith('Index') || node.Filter === undefined || node['Index Cond'] !== undefined)
    return undefined;
  return `The index ${node['Index Name']} is read from one end and rows that do not fit ${withoutValues(node.Filter)} are thrown away.`;
}

function misestimated(plan: PlanNode, { observedRows }: PlanSurroundings): string | undefined {
  if (observedRows === undefined) return undefined;
  const [planned, seen] = [Math.max(1, plan['Plan Rows']), Math.max(1, observedRows)];
  const factor = planned > seen ? planned / seen : seen / planned;
  if (factor < MISESTIMATE_FACTOR) return undefined;
  return `Misestimate: ${count(planned)} rows were planned and about ${count(seen)} came; ANALYZE or a higher statistics target may help.`;
}

function indexesInWords(plan: PlanNode): string {
  const names = [...new Set([...nodesOf(plan)].flatMap((node) => node['Index Name'] ?? []))];
  const cost = `planner's cost ${count(plan['Total Cost'])}`;
  return names.length === 0 ? `Nothing costly in the plan (${cost}).` : `Uses ${names.join(', ')} (${cost}).`;
}

function count(rows: number): string {
  if (rows >= 1e6) return `${(rows / 1e6).toFixed(rows >= 1e7 ? 0 : 1)} million`;
  if (rows >= 1e4) return `${Math.round(rows / 1e3)} thousand`;
  return String(Math.round(rows));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0)} MB`;
}
