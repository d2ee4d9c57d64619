import { crc32 } from 'node:zlib';
import { storedFromText, type StoredValue } from '../value.js';

/**
 * How a value lies in Redis: `D1 <groups' generations>;<tags' generations>;<fresh until>;<stored at>;<version>;<kind>;<crc32>;<tags>\n<payload>`.
 * The first part is put in front by the scripts. Times are the Redis server's milliseconds, so no two machines' clocks meet.
 */
export interface Envelope {
  readonly generations: string;
  readonly tagGenerations: string;
  readonly freshUntilMs: number;
  readonly storedAtMs: number;
  readonly version: number | undefined;
  readonly tags: readonly string[];
  readonly stored: StoredValue;
}

const header = /^D1 ([^;]*);([^;]*);(\d+);(\d+);(\d*);([jb]);([0-9a-f]+);([^;\n]*)$/;
const longestHeader = 16_384;

/** Everything after `D1 <groups' generations>;`. */
export function encodeRest(given: Omit<Envelope, 'generations'>): Buffer {
  const { stored } = given;
  const payload = stored.kind === 'json' ? Buffer.from(stored.text) : stored.bytes;
  const fields = [
    given.tagGenerations,
    Math.round(given.freshUntilMs),
    Math.round(given.storedAtMs),
    given.version ?? '',
    stored.kind === 'json' ? 'j' : 'b',
    crc32(payload).toString(16),
    given.tags.map(encodeURIComponent).join(','),
  ];
  return Buffer.concat([Buffer.from(`${fields.join(';')}\n`), payload]);
}

/** The whole value, for a script that replaces it. */
export function encodeEnvelope(given: Envelope): Buffer {
  return Buffer.concat([Buffer.from(`D1 ${given.generations};`), encodeRest(given)]);
}

/** Undefined for anything that is not a whole, undamaged value of ours. */
export function decodeEnvelope(raw: Buffer): Envelope | undefined {
  const end = raw.subarray(0, longestHeader).indexOf(10);
  if (end < 0) return undefined;
  const match = header.exec(raw.toString('latin1', 0, end));
  if (!match) return undefined;
  const [, generations = '', tagGenerations = '', freshUntil, storedAt, version, kind, checksum, tags] = match;
  const payload = raw.subarray(end + 1);
  if (crc32(payload).toString(16) !== checksum) return undefined;
  return {
    generations,
    tagGenerations,
    freshUntilMs: Number(freshUntil),
    storedAtMs: Number(storedAt),
    version: version ? Number(version) : undefined,
    tags: tags ? tags.split(',').map(decodeURIComponent) : [],
    stored: kind === 'j' ? storedFromText(payload.toString()) : { kind: 'bytes', bytes: Buffer.from(payload) },
  };
}
