import { maxMessageBytes, type LoggedCommit } from './commit-log.js';

/** What instances tell each other beside the log, to be quicker than the next renewal. Any message may be lost. */
export type News =
  | { readonly kind: 'committed'; readonly from: string; readonly commits: readonly (LoggedCommit | number)[] }
  | { readonly kind: 'applied'; readonly from: string; readonly ids: readonly number[] };

/** Splits news into messages that fit; a commit too long for one travels as its number and is fetched. */
export function encodeCommitted(from: string, commits: readonly LoggedCommit[]): string[] {
  return pack(commits.map(encodeCommit), (items) => `{"k":"c","f":${JSON.stringify(from)},"c":[${items}]}`);
}

export function encodeApplied(from: string, ids: readonly number[]): string[] {
  return pack(ids.map(String), (items) => `{"k":"a","f":${JSON.stringify(from)},"i":[${items}]}`);
}

/** Undefined for anything that is not a message of ours: the channel is open to every user of the database. */
export function decodeNews(message: string): News | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (!isRecord(raw) || typeof raw['f'] !== 'string') return undefined;
  if (raw['k'] === 'a' && isNumbers(raw['i'])) return { kind: 'applied', from: raw['f'], ids: raw['i'] };
  if (raw['k'] !== 'c' || !Array.isArray(raw['c'])) return undefined;
  const commits: (LoggedCommit | number)[] = [];
  for (const item of raw['c'] as unknown[]) {
    const commit = typeof item === 'number' ? item : decodeCommit(item, raw['f']);
    if (commit === undefined) return undefined;
    commits.push(commit);
  }
  return { kind: 'committed', from: raw['f'], commits };
}

function encodeCommit(commit: LoggedCommit): string {
  const full = JSON.stringify([commit.id, commit.keys, commit.versions, commit.tags]);
  return Buffer.byteLength(full) > maxMessageBytes - 200 ? String(commit.id) : full;
}

function decodeCommit(item: unknown, writer: string): LoggedCommit | undefined {
  if (!Array.isArray(item)) return undefined;
  const [id, keys, versions, tags] = item as unknown[];
  if (typeof id !== 'number' || !isStrings(keys) || !isStrings(tags)) return undefined;
  if (versions === null) return { id, writer, keys, versions, tags };
  if (!Array.isArray(versions) || versions.length !== keys.length) return undefined;
  if (!versions.every((one): one is number | null => one === null || typeof one === 'number')) return undefined;
  return { id, writer, keys, versions, tags };
}

function pack(items: readonly string[], wrap: (items: string) => string): string[] {
  const messages: string[] = [];
  const spare = maxMessageBytes - Buffer.byteLength(wrap(''));
  let held: string[] = [];
  let heldBytes = 0;
  for (const item of items) {
    const itemBytes = Buffer.byteLength(item) + 1;
    if (held.length > 0 && heldBytes + itemBytes > spare) {
      messages.push(wrap(held.join(',')));
      held = [];
      heldBytes = 0;
    }
    held.push(item);
    heldBytes += itemBytes;
  }
  if (held.length > 0) messages.push(wrap(held.join(',')));
  return messages;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'number');
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
