import { DemoError } from './demo-error.js';
import type { HttpClient } from './http-client.js';

interface CacheClass {
  name: string;
  hits: number;
  misses: number;
}

/** What the wallet says of itself under /performance, as an operator reads it. */
export interface OperatorView {
  classes: CacheClass[];
  slowQueries: { query: string; durationMs: number }[];
  alerts: { type: string; severity: string; state: string; message: string }[];
}

export async function logIn(client: HttpClient, email: string, password: string): Promise<string> {
  const answer = await client.send({ method: 'POST', path: '/auth/login', body: { email, password } });
  if (answer.status === 429)
    throw new DemoError('The wallet limits requests; start it with RATE_LIMIT_MAX=0 for the demo.');
  if (answer.status !== 200)
    throw new DemoError(`${email} could not log in: ${answer.status} ${answer.text.slice(0, 200)}`);
  return (JSON.parse(answer.text) as { accessToken: string }).accessToken;
}

export async function readOperatorView(client: HttpClient, token: string): Promise<OperatorView> {
  const read = async (path: string): Promise<unknown> => {
    const answer = await client.send({ method: 'GET', path, token });
    if (answer.status !== 200)
      throw new Error(`GET ${path} was answered with ${answer.status} ${answer.text.slice(0, 200)}`);
    return JSON.parse(answer.text);
  };
  const cache = (await read('/performance/cache')) as { classes: CacheClass[] };
  const database = (await read('/performance/database')) as Pick<OperatorView, 'slowQueries'>;
  const alerts = (await read('/performance/alerts?includeResolved=true')) as { data: OperatorView['alerts'] };
  return { classes: cache.classes, slowQueries: database.slowQueries, alerts: alerts.data };
}

/** What the second view counts beyond the first, class by class. */
export function classGrowth(before: OperatorView, after: OperatorView): CacheClass[] {
  return after.classes.map((now) => {
    const then = before.classes.find(({ name }) => name === now.name);
    return { name: now.name, hits: now.hits - (then?.hits ?? 0), misses: now.misses - (then?.misses ?? 0) };
  });
}
