import { MonitoringInputError, type InvalidInput } from '../errors.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import { SEVERITIES, type Severity } from './alert.js';
import { OBJECTIVE_FIELDS, objectiveComplaints, windowsOf, type ServiceObjective } from './objective.js';
import { RULE_METRICS, type AlertRule, type RuleMetric } from './rule.js';

/** A rule that an operator defined, as it is given and kept. */
export type RuleDefinition = MetricRuleDefinition | BurnRateDefinition;

/** Watches how fast the error budget of some endpoints is used up. */
export interface BurnRateDefinition extends ServiceObjective {
  metric: 'slo.burnRate';
}

/** Compares one metric with a threshold. */
export interface MetricRuleDefinition {
  /** Small letters, digits and dashes; the alert's type is `rule:` and this name. */
  name: string;
  metric: Exclude<RuleMetric, 'slo.burnRate'>;
  /** E.g. `GET /wallet/balance`; only for `responseTime.*`, `throughput.*` and `errorRate.*`. */
  endpoint?: string;
  comparison: 'above' | 'below';
  threshold: number;
  /** Ends the alert; a tenth of the threshold on the good side when left out. */
  clearBound?: number;
  windowSeconds?: WindowSeconds;
  forSeconds?: number;
  minSamples?: number;
  severity?: Severity;
}

const NAME = /^(?!alert-channels$|channel-test$)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** May a rule be called so? Those that every service has are taken. */
export function isRuleName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

const FIELDS = new Set([
  'name', 'metric', 'endpoint', 'comparison', 'threshold', 'clearBound', 'windowSeconds', 'forSeconds', 'minSamples', 'severity',
]); // prettier-ignore
const PER_ENDPOINT = /^(?:responseTime|throughput|errorRate)\./;
/** More rules than this are refused: each is judged at every interval. */
export const MAX_RULES = 100;

type Check = [field: string, holds: (value: unknown) => boolean, message: string, required: boolean];

const finite =
  (low: number, high: number) =>
  (value: unknown): boolean =>
    typeof value === 'number' && value >= low && value <= high;

const CHECKS: readonly Check[] = [
  [
    'name',
    isRuleName,
    'must be 1 to 64 small letters, digits and dashes, and none of alert-channels and channel-test',
    true,
  ],
  [
    'metric',
    (v) => typeof v === 'string' && Object.hasOwn(RULE_METRICS, v),
    `must be one of ${Object.keys(RULE_METRICS).join(', ')}`,
    true,
  ],
  ['comparison', (v) => v === 'above' || v === 'below', 'must be above or below', true],
  ['threshold', finite(0, 1e12), 'must be a number from 0 to 10^12', true],
  ['clearBound', finite(0, 1e12), 'must be a number from 0 to 10^12', false],
  ['windowSeconds', (v) => v === 60 || v === 300 || v === 3600, 'must be 60, 300 or 3600', false],
  ['forSeconds', finite(0, 86_400), 'must be a number from 0 to 86400', false],
  ['minSamples', (v) => finite(1, 1e9)(v) && Number.isInteger(v), 'must be a whole number from 1', false],
  ['severity', (v) => SEVERITIES.includes(v as Severity), `must be one of ${SEVERITIES.join(', ')}`, false],
  [
    'endpoint',
    (v) => typeof v === 'string' && /^[A-Z_]+ \S{1,300}$/.test(v),
    'must be a method and a route, as GET /wallet/balance',
    false,
  ],
];

/** Checks a rule from outside. Throws a MonitoringInputError that names every wrong part. */
export function parseRule(input: unknown): RuleDefinition {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new MonitoringInputError([{ path: '', message: 'must be an object' }]);
  }
  const given = input as Record<string, unknown>;
  const burns = given['metric'] === 'slo.burnRate';
  const errors: InvalidInput[] = Object.keys(given)
    .filter((name) => (burns ? name !== 'metric' && !OBJECTIVE_FIELDS.has(name) : !FIELDS.has(name)))
    .map((name) => ({ path: `/${name}`, message: burns ? 'is no part of a burn-rate rule' : 'is no part of a rule' }));
  for (const [field, holds, message, required] of burns ? CHECKS.slice(0, 1) : CHECKS) {
    if (given[field] === undefined ? required : !holds(given[field])) errors.push({ path: `/${field}`, message });
  }
  if (burns) errors.push(...objectiveComplaints(given));
  else if (errors.length === 0) errors.push(...contradictions(given as unknown as MetricRuleDefinition));
  if (errors.length > 0) throw new MonitoringInputError(errors);
  return given as unknown as RuleDefinition;
}

function contradictions(rule: MetricRuleDefinition): InvalidInput[] {
  const errors: InvalidInput[] = [];
  if (rule.endpoint !== undefined && !PER_ENDPOINT.test(rule.metric)) {
    errors.push({ path: '/endpoint', message: `cannot be given for ${rule.metric}, which no endpoint has of its own` });
  }
  const { clearBound, threshold } = rule;
  if (clearBound !== undefined && (rule.comparison === 'above' ? clearBound > threshold : clearBound < threshold)) {
    errors.push({ path: '/clearBound', message: 'must lie on the good side of the threshold' });
  }
  return errors;
}

export function toAlertRule(definition: RuleDefinition): AlertRule {
  if (definition.metric === 'slo.burnRate') return objectiveRule(definition);
  const { threshold, comparison } = definition;
  return {
    type: `rule:${definition.name}`,
    title: definition.endpoint === undefined ? definition.metric : `${definition.metric} of ${definition.endpoint}`,
    metric: definition.metric,
    comparison,
    threshold,
    clearBound: definition.clearBound ?? threshold * (comparison === 'above' ? 0.9 : 1.1),
    windowSeconds: definition.windowSeconds ?? 60,
    forMs: (definition.forSeconds ?? 0) * 1000,
    minSamples: definition.minSamples ?? 1,
    ...(definition.endpoint === undefined ? {} : { endpoint: definition.endpoint }),
    ...(definition.severity === undefined ? {} : { severity: definition.severity }),
  };
}

/** The rule that watches an objective. The windows do what `for` does elsewhere. */
export function objectiveRule(objective: ServiceObjective): AlertRule {
  const threshold = Math.min(...windowsOf(objective).map((one) => one.factor));
  return {
    type: `rule:${objective.name}`,
    title: objective.title ?? objective.endpoints.join(', '),
    metric: 'slo.burnRate',
    objective,
    comparison: 'above',
    threshold,
    clearBound: threshold,
    windowSeconds: 300,
    forMs: 0,
    minSamples: objective.minSamples ?? 10,
  };
}
