import { CopyRows } from './copy-rows.js';
import type { Books } from './books.js';
import { counterColumns } from './books.js';
import { IdSource } from './ids.js';

export const userColumns = 'id, email, password_hash, created_at';
export const accountColumns = `id, kind, currency, balance, version, ${counterColumns.join(', ')}, created_at`;

const minuteMs = 60_000;

/** The address of the seeded user of that number, counted from 0; no mail can ever reach it (RFC 2606). */
export const emailOf = (user: number, mark: string): string => `user${user + 1}@${mark}.seed.example`;

/** Gives every user an id and answers with their rows. `createdAt` says when, in Unix milliseconds, in ascending order. */
export function userRows(
  books: Books,
  mark: string,
  passwordHash: string,
  createdAt: (user: number) => number,
): Buffer {
  const ids = new IdSource();
  const rows = new CopyRows(1 << 23);
  for (let user = 0; user < books.users; user += 1) {
    const at = createdAt(user) - minuteMs;
    ids.write(books.ids, user, at);
    rows.begin(4);
    rows.uuid(books.ids, user);
    rows.text(emailOf(user, mark));
    rows.text(passwordHash);
    rows.timestamptz(at);
  }
  return rows.take();
}

/** The users' accounts as the books stand in the end. */
export function accountRows(books: Books, currency: string, createdAt: (user: number) => number): Buffer {
  const rows = new CopyRows(1 << 23);
  for (let user = 0; user < books.users; user += 1) {
    rows.begin(6 + counterColumns.length);
    rows.uuid(books.ids, user);
    rows.text('user');
    rows.text(currency);
    rows.int8(books.balances[user] as number);
    rows.int8(books.versions[user] as number);
    for (const counter of counterColumns) rows.int4(books.counts[counter][user] as number);
    rows.timestamptz(createdAt(user) - minuteMs);
  }
  return rows.take();
}
