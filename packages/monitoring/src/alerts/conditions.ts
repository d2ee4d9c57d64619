import type { Clock } from '../clock.js';
import { MonitoringInputError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Condition, ConditionState } from './condition.js';
import type { AlertRule, Verdict } from './rule.js';

const PATIENCE_MS = 5_000;

/** The conditions of a service and how they were found last. */
export class Conditions {
  readonly #states = new Map<string, ConditionState | undefined>();
  readonly #unknown = new Set<string>();

  constructor(
    private readonly conditions: readonly Condition[],
    private readonly surroundings: { clock: Clock; logger: Logger },
  ) {}

  /** Asks all of them at once. Never rejects. */
  async look(): Promise<void> {
    await Promise.all(this.conditions.map((one) => this.#lookAt(one)));
  }

  verdict({ name, severity }: Condition): Verdict {
    const state = this.#states.get(name);
    if (state === undefined) return { kind: 'missing' };
    return state.inOrder ? { kind: 'clear', value: 0 } : { kind: 'breach', value: 1, severity };
  }

  describe({ name, title }: Condition): string {
    const state = this.#states.get(name);
    return state === undefined || state.inOrder ? title : `${title}: ${state.why}`;
  }

  async #lookAt(condition: Condition): Promise<void> {
    const { clock, logger } = this.surroundings;
    let withdraw = (): void => undefined;
    const tooLate = new Promise<never>((_, reject) => {
      withdraw = clock.schedule(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    });
    try {
      this.#states.set(condition.name, await Promise.race([condition.look(), tooLate]));
      this.#unknown.delete(condition.name);
    } catch (error) {
      this.#states.set(condition.name, undefined);
      // Said once: a database that is away is known from elsewhere already.
      if (!this.#unknown.has(condition.name))
        logger.warn({ condition: condition.name, error: String(error) }, 'a condition cannot be looked at');
      this.#unknown.add(condition.name);
    } finally {
      withdraw();
    }
  }
}

/** The rule that tells of a condition. */
export function conditionRule(condition: Condition, forMs: number): AlertRule {
  return {
    type: `rule:${condition.name}`,
    title: condition.title,
    metric: 'condition',
    condition,
    comparison: 'above',
    threshold: 0,
    clearBound: 0,
    windowSeconds: 60,
    forMs,
    minSamples: 1,
    severity: condition.severity,
  };
}

/** Throws a MonitoringInputError that names every condition whose name cannot be used. */
export function checkConditions(given: readonly Condition[], isFree: (name: string) => boolean): readonly Condition[] {
  const errors = given.flatMap(({ name }, place) =>
    isFree(name) && given.findIndex((one) => one.name === name) === place
      ? []
      : [
          {
            path: `conditions/${place}/name`,
            message: "must be 1 to 64 small letters, digits and dashes, and no other rule's",
          },
        ],
  );
  if (errors.length > 0) throw new MonitoringInputError(errors);
  return given;
}
