import type { Verdict } from '@dunlin/wallet/demo/verdict';
import type { Play } from './round.js';

const pages = [
  'metrics',
  'alerts?includeResolved=true',
  'traces',
  'queries',
  'endpoints',
  'cache',
  'database',
  'report',
];

/** What the wallets wrote and what they show of themselves: nothing that clients keep secret, and no signed token. */
export async function checkSecrets({ world, operator }: Play, verdict: Verdict): Promise<void> {
  for (const { client, name } of world.instances) {
    for (const path of ['/metrics', ...pages.map((page) => `/performance/${page}`)]) {
      const answer = await client.send({ method: 'GET', path, token: operator.accessToken });
      verdict.expect(answer.status === 200, 0, () => `GET ${path} at ${name} was answered with ${answer.status}`);
      world.logs.read(`GET ${path} at ${name}`, answer.text);
    }
  }
  verdict.expect(world.logs.characters > 0, 8, () => 'nothing was looked at');
  const found = world.logs.found.splice(0);
  verdict.expect(found.length === 0, 8, () => found.join('; '));
}
