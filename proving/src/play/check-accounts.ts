import type { HttpClient } from '@dunlin/wallet/demo/http-client';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import type { Person } from './person.js';
import type { PlayBooks } from './play-books.js';

/** When all is at rest: each account, on each instance, is exactly what the acknowledged answers make it. */
export async function checkAccounts(
  clients: readonly HttpClient[],
  people: readonly Person[],
  books: PlayBooks,
  verdict: Verdict,
): Promise<void> {
  for (const client of clients) {
    for (const person of people) {
      const answer = await client.send({ method: 'GET', path: '/wallet/balance', token: person.accessToken });
      const found = answer.status === 200 ? (JSON.parse(answer.text) as Record<string, string>) : {};
      const { version, available, offline, pending } = books.of(person.id);
      const same =
        found['available'] === available.toString() &&
        found['offline'] === offline.toString() &&
        found['pending'] === pending.toString() &&
        Number(found['version']) >= version;
      verdict.expect(
        same,
        4,
        () =>
          `account ${person.id} shows ${answer.status} ${answer.text.slice(0, 200)}; the acknowledged answers make it ` +
          `available ${available}, offline ${offline}, pending ${pending}, version ${version} or later`,
      );
    }
  }
}
