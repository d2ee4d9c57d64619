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

const mark = 'D1 ';
const lineFeed = 10;
const noTags: readonly string[] = [];
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
    tagText(given.tags),
  ];
  return Buffer.concat([Buffer.from(`${fields.join(';')}\n`), payload]);
}

/** The whole value, for a script that replaces it. */
export function encodeEnvelope(given: Envelope): Buffer {
  return Buffer.concat([Buffer.from(`D1 ${given.generations};`), encodeRest(given)]);
}

/** Tags as they stand in a value. */
export function tagText(tags: readonly string[]): string {
  return tags.map(encodeURIComponent).join(',');
}

/**
 * The value that lies in `bytes` from `start` to `end`. Undefined for anything that is not a whole, undamaged value of ours. What comes
 * out holds nothing of `bytes`. Where the tags are the `expected` ones they are that very list.
 */
export function decodeEnvelope(
  bytes: Buffer,
  start = 0,
  end = bytes.length,
  expected?: { readonly text: string; readonly tags: readonly string[] },
): Envelope | undefined {
  const headerEnd = bytes.indexOf(lineFeed, start);
  if (headerEnd < 0 || headerEnd >= end || headerEnd - start > longestHeader) return undefined;
  const header = bytes.toString('latin1', start, headerEnd);
  if (!header.startsWith(mark)) return undefined;
  // Cut by hand: this runs for every value that is read, and an expression with eight groups takes as long as parsing the value.
  const cuts = cutsOf(header);
  if (!cuts) return undefined;
  const [generationsEnd, tagGenerationsEnd, freshUntilEnd, storedAtEnd, versionEnd, kindEnd, checksumEnd] = cuts;
  const freshUntilMs = wholeNumber(header, tagGenerationsEnd + 1, freshUntilEnd);
  const storedAtMs = wholeNumber(header, freshUntilEnd + 1, storedAtEnd);
  const version = versionEnd === storedAtEnd + 1 ? undefined : wholeNumber(header, storedAtEnd + 1, versionEnd);
  const kind = header.slice(versionEnd + 1, kindEnd);
  if (Number.isNaN(freshUntilMs) || Number.isNaN(storedAtMs) || Number.isNaN(version)) return undefined;
  const payload = bytes.subarray(headerEnd + 1, end);
  if (crc32(payload).toString(16) !== header.slice(kindEnd + 1, checksumEnd)) return undefined;
  const stored = storedFrom(kind, payload);
  if (!stored) return undefined;
  const text = header.slice(checksumEnd + 1);
  return {
    generations: header.slice(mark.length, generationsEnd),
    tagGenerations: header.slice(generationsEnd + 1, tagGenerationsEnd),
    freshUntilMs,
    storedAtMs,
    version,
    tags: text === expected?.text ? expected.tags : tagsOf(text),
    stored,
  };
}

function tagsOf(text: string): readonly string[] {
  return text === '' ? noTags : text.split(',').map(decodeURIComponent);
}

type Cuts = readonly [number, number, number, number, number, number, number];

/** Where the seven semicolons are; undefined when there are more or fewer. */
function cutsOf(header: string): Cuts | undefined {
  const first = header.indexOf(';', mark.length);
  const second = header.indexOf(';', first + 1);
  const third = header.indexOf(';', second + 1);
  const fourth = header.indexOf(';', third + 1);
  const fifth = header.indexOf(';', fourth + 1);
  const sixth = header.indexOf(';', fifth + 1);
  const seventh = header.indexOf(';', sixth + 1);
  // One that is not found makes the search begin anew, so the order shows it.
  const inOrder = first >= 0 && second > first && third > second && fourth > third && fifth > fourth;
  if (!inOrder || sixth <= fifth || seventh <= sixth || header.includes(';', seventh + 1)) return undefined;
  return [first, second, third, fourth, fifth, sixth, seventh];
}

/** Decimal digits and nothing else; NaN otherwise. */
function wholeNumber(text: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return from < to ? number : NaN;
}

function storedFrom(kind: string, payload: Buffer): StoredValue | undefined {
  if (kind === 'b') return { kind: 'bytes', bytes: Buffer.from(payload) };
  return kind === 'j' ? storedFromText(payload.toString()) : undefined;
}
