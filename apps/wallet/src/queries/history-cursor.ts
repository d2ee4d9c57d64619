import { createHash } from 'node:crypto';
import { InvalidQueryOption } from './errors.js';
import type { HistoryFilters } from './history-options.js';

/** The last row of a page: history is ordered by time, then by id, so equal times do not disturb it. */
export interface HistoryPosition {
  createdAt: Date;
  id: string;
}

// Layout: 8 bytes milliseconds since the epoch, 16 bytes id, 4 bytes digest of the filters it belongs to.
const sizeBytes = 28;
/** The last millisecond of the year 9999. */
const latestMs = 253_402_300_799_999n;

/** An opaque word for `position`, good for the same filters and order only. */
export function encodeCursor(position: HistoryPosition, filters: HistoryFilters): string {
  const bytes = Buffer.alloc(sizeBytes);
  bytes.writeBigInt64BE(BigInt(position.createdAt.getTime()), 0);
  bytes.write(position.id.replaceAll('-', ''), 8, 'hex');
  digest(filters).copy(bytes, 24);
  return bytes.toString('base64url');
}

/** @throws InvalidQueryOption when the word is none of ours, or belongs to other filters. */
export function decodeCursor(word: string, filters: HistoryFilters): HistoryPosition {
  const bytes = /^[A-Za-z0-9_-]{38}$/.test(word) ? Buffer.from(word, 'base64url') : Buffer.alloc(0);
  if (bytes.length !== sizeBytes) throw new InvalidQueryOption('cursor', 'is not one that a page of history gave');
  if (!bytes.subarray(24).equals(digest(filters))) {
    throw new InvalidQueryOption('cursor', 'belongs to a history with other filters or another order');
  }
  const createdAtMs = bytes.readBigInt64BE(0);
  // A forged word may name a time that JavaScript knows and PostgreSQL does not; none of ours is before 1970.
  if (createdAtMs < 0n || createdAtMs > latestMs)
    throw new InvalidQueryOption('cursor', 'is not one that a page of history gave');
  const createdAt = new Date(Number(createdAtMs));
  const hex = bytes.toString('hex', 8, 24);
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return { createdAt, id };
}

function digest(filters: HistoryFilters): Buffer {
  const words = [
    filters.type,
    filters.status,
    filters.startDate?.getTime(),
    filters.endDate?.getTime(),
    filters.orderDirection,
  ];
  return createHash('sha256').update(JSON.stringify(words)).digest().subarray(0, 4);
}
