import type { PlanNode } from '../queries/plan-node.js';
import type { Candidate } from './candidate.js';
import type { ServedQuery } from './recommendation.js';

/** A candidate for one statement, with what it would bring. */
export interface Prospect {
  readonly candidate: Candidate;
  readonly served: ServedQuery;
  readonly basis: 'hypothetical_plan' | 'estimate';
  readonly sizeBytes: number;
}

/**
 * One index for each access of a statement: the cheapest, or one of nearly the same cost that is smaller. A statement that
 * reads several tables, or one table from two sides, may need several; they are proposed when they save enough together
 * and each a part of it.
 */
export function bestOf(judged: readonly Prospect[], leastSaving: number): Prospect[] {
  const worthwhile = judged.filter((prospect) => savingOf(prospect) >= LEAST_PART);
  const saved = new Map<PlanNode, number>();
  for (const { candidate, served } of worthwhile) {
    const { node } = candidate.access;
    saved.set(node, Math.max(saved.get(node) ?? 0, served.costBefore - served.costAfter));
  }
  const savedInAll = [...saved.values()].reduce((sum, one) => sum + one, 0);
  const best = new Map<PlanNode, { prospect: Prospect; cost: number }>();
  for (const prospect of worthwhile) {
    const { node } = prospect.candidate.access;
    // What the other accesses will save is taken off first, or their present cost would make any two candidates look alike.
    const cost = Math.max(1, prospect.served.costAfter - (savedInAll - (saved.get(node) ?? 0)));
    const held = best.get(node);
    if (held === undefined || isBetter(prospect, cost, held.prospect, held.cost)) best.set(node, { prospect, cost });
  }
  const together = [...best.values()].map(({ prospect }) => prospect);
  return together.reduce((sum, one) => sum + savingOf(one), 0) >= leastSaving ? together : [];
}

/** A statement's second index must save this share of the cost by itself. */
const LEAST_PART = 0.15;

/** The share of the statement's cost that the index would take off. */
export function savingOf({ served }: Prospect): number {
  return 1 - served.costAfter / served.costBefore;
}

const CLOSE_ENOUGH = 1.15;

/** Below this share of what the statement cost before, a difference is nothing beside the order that a sorted index gives. */
const NEGLIGIBLE = 0.01;

/** In the planner's units, about three rows fetched: less than that is no reason to carry columns along in an index. */
const FEW_PAGES = 12;

function isBetter(one: Prospect, oneCost: number, other: Prospect, otherCost: number): boolean {
  const apart = Math.abs(oneCost - otherCost);
  if (one.candidate.isSorted !== other.candidate.isSorted && apart < NEGLIGIBLE * one.served.costBefore) {
    return one.candidate.isSorted;
  }
  const [dragged, otherDragged] = [one.candidate.included.length, other.candidate.included.length];
  if (dragged !== otherDragged && apart < FEW_PAGES) return dragged < otherDragged;
  if (oneCost * CLOSE_ENOUGH < otherCost) return true;
  if (otherCost * CLOSE_ENOUGH < oneCost) return false;
  // The planner reckons with the average key. For a key with far more rows than that, only the sorted index can stop early.
  if (one.candidate.isSorted !== other.candidate.isSorted) return one.candidate.isSorted;
  return weight(one) < weight(other);
}

/** What an index costs to keep: columns it drags along first, then its size. */
function weight({ candidate, sizeBytes }: Prospect): number {
  return sizeBytes * (1 + 0.5 * (candidate.keys.length - 1 + candidate.included.length));
}
