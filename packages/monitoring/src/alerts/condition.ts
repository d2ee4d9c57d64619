import type { Severity } from './alert.js';

/** Something that a service knows to be in order or not, and that no figure shows: books that do not add up, a backup that fails. */
export interface Condition {
  /** Small letters, digits and dashes; the alert's type is `rule:` and this name. */
  name: string;
  /** What the message calls it when it is not in order, e.g. `The backup fails`. */
  title: string;
  severity: Severity;
  /**
   * Asked before each judging, so it has to be cheap; at most five seconds are waited. `undefined`, an error or no answer in time: it cannot be
   * told now, and the alert neither begins nor ends.
   */
  look(): Promise<ConditionState | undefined>;
}

export type ConditionState =
  | { readonly inOrder: true }
  /** `why` ends the message: what was found, with no secret in it. */
  | { readonly inOrder: false; readonly why: string };
