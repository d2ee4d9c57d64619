import { withoutValues } from './fingerprint.js';
import type { PlanNode } from './plan-node.js';

/** A plan to be drawn: what each step does, on what, and its share of the cost. Values in conditions are replaced by `?`. */
export interface PlanTree {
  /** What PostgreSQL calls the step, such as `Index Scan`. */
  readonly operation: string;
  readonly on?: string;
  readonly index?: string;
  /** What the step looks up or joins by. */
  readonly condition?: string;
  /** What it throws away after having read it. */
  readonly filter?: string;
  /** The planner's estimates: rows that come out, the cost with everything below, and without. */
  readonly rows: number;
  readonly cost: number;
  readonly ownCost: number;
  readonly children: readonly PlanTree[];
}

/** The plan without what is of no use to a reader, and without any value. Pure. */
export function planTree(node: PlanNode): PlanTree {
  const children = (node.Plans ?? []).map(planTree);
  const below = children.reduce((sum, child) => sum + child.cost, 0);
  const condition = node['Index Cond'] ?? node['Hash Cond'] ?? node['Merge Cond'] ?? node['Recheck Cond'];
  const filter = node.Filter ?? node['Join Filter'];
  return {
    operation: node['Node Type'],
    ...(node['Relation Name'] === undefined ? {} : { on: node['Relation Name'] }),
    ...(node['Index Name'] === undefined ? {} : { index: node['Index Name'] }),
    ...(condition === undefined ? {} : { condition: withoutValues(condition) }),
    ...(filter === undefined ? {} : { filter: withoutValues(filter) }),
    rows: node['Plan Rows'],
    cost: node['Total Cost'],
    // A limit ends what is below it early, so that its own cost is less than theirs.
    ownCost: Math.max(0, node['Total Cost'] - below),
    children,
  };
}
