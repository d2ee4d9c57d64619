import { randomUUID } from 'node:crypto';
import { request as httpRequest, type Agent } from 'node:http';
import type { WatchReport, WatchSettings } from './watched-payments.js';

const patienceMs = 5_000;

type Tally = { -readonly [Name in keyof WatchReport]: WatchReport[Name] };

interface Spoken {
  readonly status: number;
  readonly text: string;
}

/**
 * People who pay and look. Each has one device that pays through the first instance, looks at the second as soon as it is answered, then at
 * the first; and another device that looks at the second all the time, as an app that is open does.
 *
 * Nobody pays these people, so what each may see is known: `acknowledged` is the balance after the last payment that was answered, and a
 * read that begins later must not show more. A payment that failed may have happened all the same, which only lowers the balance, so the
 * bound stays one.
 */
export async function watchPeople(agent: Agent, { urls, people }: WatchSettings, forMs: number): Promise<WatchReport> {
  const tally: Tally = {
    payments: 0,
    firstReads: 0,
    staleFirstReads: 0,
    reads: 0,
    staleReads: 0,
    failed: 0,
    longestMs: 0,
  };
  const untilMs = performance.now() + forMs;
  await Promise.all(people.map((person) => watch(agent, urls, person, untilMs, tally)));
  return tally;
}

async function watch(
  agent: Agent,
  [first, second]: WatchSettings['urls'],
  { token, receiverId }: WatchSettings['people'][number],
  untilMs: number,
  tally: Tally,
): Promise<void> {
  const ask = async (url: string, path: string, more: object, body?: string): Promise<Spoken | undefined> => {
    const beganMs = performance.now();
    const spoken = await speak(agent, url + path, { authorization: `Bearer ${token}`, ...more }, body).catch(
      () => undefined,
    );
    tally.longestMs = Math.max(tally.longestMs, performance.now() - beganMs);
    if (spoken?.status === 200 || spoken?.status === 201) return spoken;
    tally.failed += 1;
    return undefined;
  };
  const available = async (url: string, more: object = {}): Promise<bigint | undefined> => {
    const spoken = await ask(url, '/wallet/balance', more);
    return spoken === undefined ? undefined : BigInt((JSON.parse(spoken.text) as { available: string }).available);
  };
  let acknowledged = await available(first, { 'cache-control': 'no-cache' });
  const look = async (url: string): Promise<boolean> => {
    const bound = acknowledged;
    const seen = await available(url);
    if (bound === undefined || seen === undefined) return false;
    tally.reads += 1;
    tally.staleReads += Number(seen > bound);
    return seen > bound;
  };
  const pay = async (): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const answer = await ask(first, '/wallet/transfers', headers, JSON.stringify({ receiverId, amount: '1' }));
    if (answer === undefined) return;
    tally.payments += 1;
    if (acknowledged !== undefined) acknowledged -= 1n;
  };
  const payer = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      await pay();
      // Counted after the wait: others count meanwhile.
      const isStale = await look(second);
      tally.firstReads += 1;
      tally.staleFirstReads += Number(isStale);
      await look(first);
    }
  };
  const onlooker = async (): Promise<void> => {
    while (performance.now() < untilMs) await look(second);
  };
  await Promise.all([payer(), onlooker()]);
}

function speak(agent: Agent, url: string, headers: object, body: string | undefined): Promise<Spoken> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      url,
      { agent, method: body === undefined ? 'GET' : 'POST', headers: { ...headers }, timeout: patienceMs },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.once('error', reject);
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body);
  });
}
