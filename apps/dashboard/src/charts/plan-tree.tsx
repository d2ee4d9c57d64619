import type { PlanTreeNode } from '../figures.js';
import { number } from '../format.js';

function flatten(node: PlanTreeNode): PlanTreeNode[] {
  return [node, ...node.children.flatMap(flatten)];
}

/** A plan as a tree, each node with its share of the cost; the costliest is marked by more than its colour. */
export function PlanTree({ plan }: { plan: PlanTreeNode }) {
  const costliest = flatten(plan).reduce((most, node) => (node.ownCost > most.ownCost ? node : most));
  return (
    <ul class="plan" aria-label="Plan, the topmost step last to run">
      <PlanStep node={plan} total={plan.cost || 1} costliest={costliest} />
    </ul>
  );
}

function PlanStep({ node, total, costliest }: { node: PlanTreeNode; total: number; costliest: PlanTreeNode }) {
  const share = Math.min(100, Math.max(0, (100 * node.ownCost) / total));
  const worst = node === costliest;
  return (
    <li>
      <div class={worst ? 'plan-step costly' : 'plan-step'}>
        <div class="plan-head">
          <strong>{node.operation}</strong>
          {node.on === undefined ? null : <span>on {node.on}</span>}
          {node.index === undefined ? null : <code>{node.index}</code>}
          {worst ? <span class="badge badge-high">costliest, {Math.round(share)} %</span> : null}
        </div>
        <div class="plan-bar" aria-hidden="true">
          <i style={{ width: `${share}%` }} />
        </div>
        <div class="plan-facts">
          about {number(node.rows)} {node.rows === 1 ? 'row' : 'rows'} · cost {number(node.ownCost)}
          {node.condition === undefined ? null : (
            <>
              {' '}
              · by <code>{node.condition}</code>
            </>
          )}
          {node.filter === undefined ? null : (
            <>
              {' '}
              · then throws away by <code>{node.filter}</code>
            </>
          )}
        </div>
      </div>
      {node.children.length === 0 ? null : (
        <ul>
          {node.children.map((child, i) => (
            <PlanStep key={i} node={child} total={total} costliest={costliest} />
          ))}
        </ul>
      )}
    </li>
  );
}
