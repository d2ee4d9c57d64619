import { computed, signal } from '@preact/signals';

export const VIEWS = [
  { name: 'overview', title: 'Overview' },
  { name: 'endpoints', title: 'Endpoints' },
  { name: 'queries', title: 'Queries' },
  { name: 'cache', title: 'Cache' },
  { name: 'alerts', title: 'Alerts' },
  { name: 'report', title: 'Report' },
  { name: 'maintenance', title: 'Maintenance' },
  { name: 'ledger', title: 'Ledger' },
] as const;

export type ViewName = (typeof VIEWS)[number]['name'] | 'trace';

/** How far back the charts reach, in minutes. */
export const RANGES = [
  { minutes: 15, title: '15 min' },
  { minutes: 60, title: '1 h' },
  { minutes: 360, title: '6 h' },
  { minutes: 1440, title: '24 h' },
  { minutes: 20160, title: '14 d' },
] as const;

export interface Place {
  view: ViewName;
  /** What the view is opened on: an endpoint, a fingerprint, a correlation id. */
  item: string | undefined;
  minutes: number;
  scope: 'instance' | 'fleet';
}

/** `#/queries/4dcd?range=60&scope=fleet`: a place that can be sent to a colleague. No token is ever in it. */
export function parsePlace(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [name = '', ...rest] = path.split('/');
  const query = new URLSearchParams(search);
  const minutes = Number(query.get('range'));
  const known = name === 'trace' || VIEWS.some((view) => view.name === name);
  return {
    view: known ? (name as ViewName) : 'overview',
    item: rest.length === 0 || rest[0] === '' ? undefined : decodeURIComponent(rest.join('/')),
    minutes: RANGES.some((range) => range.minutes === minutes) ? minutes : 15,
    scope: query.get('scope') === 'fleet' ? 'fleet' : 'instance',
  };
}

const hash = signal(location.hash);
addEventListener('hashchange', () => (hash.value = location.hash));

export const place = computed(() => parsePlace(hash.value));

/** The parts of the place that figures depend on: whoever reads one of these does not start anew when only the view changes. */
export const scope = computed(() => place.value.scope);
export const minutes = computed(() => place.value.minutes);

/** The address of a place; what is not named stays as it is now. */
export function hrefOf(change: Partial<Place>): string {
  const next = { ...place.value, item: undefined, ...change };
  const path = next.item === undefined ? next.view : `${next.view}/${encodeURIComponent(next.item)}`;
  const query = new URLSearchParams();
  if (next.minutes !== 15) query.set('range', String(next.minutes));
  if (next.scope !== 'instance') query.set('scope', next.scope);
  const search = query.toString();
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

/** Goes there without leaving the item that is open. */
export function go(change: Partial<Place>): void {
  location.hash = hrefOf({ item: place.value.item, ...change });
}
