import { MonitoringInputError, type InvalidInput } from '../errors.js';
import { SEVERITIES, type Severity } from './alert.js';

/** Both windows must burn faster than `factor` for the alert: the long one says that it matters, the short one that it goes on. */
export interface BurnWindow {
  /** Whole minutes, at most six hours. */
  longSeconds: number;
  shortSeconds: number;
  /** How many times faster than the objective allows. */
  factor: number;
  severity: Severity;
}

/** What share of an endpoint's answers must not be a server error; the rest is the budget that alerts watch the burning of. */
export interface ServiceObjective {
  /** Small letters, digits and dashes; the alert's type is `rule:` and this name. */
  name: string;
  /** What the message calls it, e.g. `Payments`. */
  title?: string;
  /** E.g. 99.9. */
  objectivePercent: number;
  /** As `POST /wallet/transfers`, or with a star at the end for all that begin so. */
  endpoints: readonly string[];
  windows?: readonly BurnWindow[];
  /** Fewer answers than this in a long window say nothing (10). */
  minSamples?: number;
}

/** The two of the SRE workbook's that a process can know by itself: 2 % of a month's budget in an hour, and 5 % in six. */
export const DEFAULT_BURN_WINDOWS: readonly BurnWindow[] = Object.freeze([
  Object.freeze({ longSeconds: 3_600, shortSeconds: 300, factor: 14.4, severity: 'critical' as const }),
  Object.freeze({ longSeconds: 21_600, shortSeconds: 1_800, factor: 6, severity: 'high' as const }),
]);

export const OBJECTIVE_FIELDS: ReadonlySet<string> = new Set([
  'name', 'title', 'objectivePercent', 'endpoints', 'windows', 'minSamples',
]); // prettier-ignore

const ENDPOINT = /^[A-Z_]+ \/[^\s*]{0,300}\*?$/;
const MAX_ENDPOINTS = 50;
const MAX_WINDOWS = 4;
const LONGEST_SECONDS = 21_600;

const between = (value: unknown, low: number, high: number): boolean =>
  typeof value === 'number' && value >= low && value <= high;

/** Everything about an objective that cannot be used, but for its name. */
export function objectiveComplaints(given: Record<string, unknown>): InvalidInput[] {
  const { title, objectivePercent, endpoints, windows, minSamples } = given;
  const errors: InvalidInput[] = [];
  const refuse = (path: string, message: string): void => void errors.push({ path, message });
  if (title !== undefined && !(typeof title === 'string' && /^\S.{0,99}$/.test(title)))
    refuse('/title', 'must be 1 to 100 characters on one line');
  if (!between(objectivePercent, 50, 99.999)) refuse('/objectivePercent', 'must be a number from 50 to 99.999');
  const usable = (one: unknown): boolean => typeof one === 'string' && ENDPOINT.test(one);
  if (!Array.isArray(endpoints) || endpoints.length < 1 || endpoints.length > MAX_ENDPOINTS || !endpoints.every(usable))
    refuse(
      '/endpoints',
      `must be 1 to ${MAX_ENDPOINTS} of method and route, as POST /wallet/transfers or POST /wallet/*`,
    );
  if (minSamples !== undefined && !(between(minSamples, 1, 1e9) && Number.isInteger(minSamples)))
    refuse('/minSamples', 'must be a whole number from 1');
  if (windows !== undefined && !(Array.isArray(windows) && windows.length >= 1 && windows.length <= MAX_WINDOWS)) {
    refuse('/windows', `must be a list of 1 to ${MAX_WINDOWS}`);
  } else if (errors.length === 0) {
    const list = (windows as unknown[] | undefined) ?? DEFAULT_BURN_WINDOWS;
    list.forEach((one, place) =>
      errors.push(...windowComplaints(one, `/windows/${place}`, objectivePercent as number)),
    );
  }
  return errors;
}

function windowComplaints(given: unknown, path: string, objectivePercent: number): InvalidInput[] {
  if (typeof given !== 'object' || given === null) return [{ path, message: 'must be an object' }];
  const { longSeconds, shortSeconds, factor, severity, ...others } = given as Record<string, unknown>;
  const errors: InvalidInput[] = Object.keys(others).map((name) => ({
    path: `${path}/${name}`,
    message: 'is no part of a window',
  }));
  const minutes = (value: unknown): boolean => between(value, 60, LONGEST_SECONDS) && (value as number) % 60 === 0;
  if (!minutes(longSeconds))
    errors.push({ path: `${path}/longSeconds`, message: `must be whole minutes, 60 to ${LONGEST_SECONDS}` });
  if (!minutes(shortSeconds) || (shortSeconds as number) > (longSeconds as number))
    errors.push({ path: `${path}/shortSeconds`, message: 'must be whole minutes, at most longSeconds' });
  // All requests failing burns exactly so fast; a higher factor could never fire.
  const fastest = 100 / (100 - objectivePercent);
  if (!between(factor, 0.1, fastest - 1e-9))
    errors.push({
      path: `${path}/factor`,
      message: `must be a number from 0.1 to below ${Number(fastest.toPrecision(4))}, which is all requests failing`,
    });
  if (!SEVERITIES.includes(severity as Severity))
    errors.push({ path: `${path}/severity`, message: `must be one of ${SEVERITIES.join(', ')}` });
  return errors;
}

/** Does the objective speak of this endpoint? */
export function concerns(objective: Pick<ServiceObjective, 'endpoints'>, endpoint: string): boolean {
  return objective.endpoints.some((one) =>
    one.endsWith('*') ? endpoint.startsWith(one.slice(0, -1)) : one === endpoint,
  );
}

export function windowsOf(objective: ServiceObjective): readonly BurnWindow[] {
  return objective.windows ?? DEFAULT_BURN_WINDOWS;
}

/** Checks the objectives that a service is configured with. Throws a MonitoringInputError that names every wrong part. */
export function parseObjectives(
  given: readonly ServiceObjective[],
  nameIsFree: (name: string) => boolean,
): readonly ServiceObjective[] {
  const errors = given.flatMap((objective, place) => {
    const taken = given.findIndex((one) => one.name === objective.name) !== place || !nameIsFree(objective.name);
    const complaints = objectiveComplaints(objective as unknown as Record<string, unknown>);
    if (taken)
      complaints.unshift({
        path: '/name',
        message: "must be 1 to 64 small letters, digits and dashes, and no other rule's",
      });
    return complaints.map(({ path, message }) => ({ path: `objectives/${place}${path}`, message }));
  });
  if (errors.length > 0) throw new MonitoringInputError(errors);
  return given;
}
