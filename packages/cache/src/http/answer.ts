import { createHash } from 'node:crypto';
import { cacheStatus } from './cache-status.js';

/** A whole answer as it is kept: what the handler said, in the bytes that go to the socket. */
export class CachedAnswer {
  readonly contentLength: string;
  /** `headers` as one list, as `writeHead` takes it. */
  readonly fields: readonly string[];
  /** The same with the body's length, which goes before all but the type. */
  readonly fieldsWithLength: readonly string[];
  private wordedTtl = NaN;
  private wordedStatus = '';

  constructor(
    /** The kept header fields, lower-case names, `etag` among them. */
    readonly headers: readonly (readonly [name: string, value: string])[],
    readonly etag: string,
    readonly body: Buffer,
  ) {
    this.contentLength = String(body.length);
    this.fields = headers.flat();
    const [first = [], ...others] = headers;
    this.fieldsWithLength = [...first, 'content-length', this.contentLength, ...others.flat()];
  }

  /** `Cache-Status` of a hit; worded anew when the second changes and not for every request. */
  statusOfHit(ttlSeconds: number): string {
    const wholeSeconds = Math.floor(ttlSeconds);
    if (wholeSeconds !== this.wordedTtl) {
      this.wordedTtl = wholeSeconds;
      this.wordedStatus = cacheStatus({ kind: 'hit', ttlSeconds });
    }
    return this.wordedStatus;
  }
}

/** The header fields of an answer. */
type Fields = CachedAnswer['headers'];

/** Fields that belong to the answer itself. Everything else (dates, cookies, CORS, correlation) belongs to one exchange. */
const keptFields = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'last-modified',
  'link',
  'cache-control',
  'vary',
];

/** All that an answer is made of besides its body: of a reply's other fields nothing need be read. */
export const fieldsOfAnswers: readonly string[] = [...keptFields, 'etag'];

const magic = 0x44314131;
const answer = Symbol('dunlin.answer');

/**
 * Bytes of an answer carry what they were parsed to, once for those that memory holds and not once a hit. A property and no weak map: that
 * would be one more thing for each collection of garbage to go through.
 */
interface AnswerBytes extends Buffer {
  [answer]?: CachedAnswer | undefined;
}

export function makeAnswer(headers: ReadonlyMap<string, string>, body: Buffer): CachedAnswer {
  const etag = headers.get('etag') ?? entityTag(body);
  const kept = keptFields.flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return new CachedAnswer([...kept, ['etag', etag]], etag, body);
}

export function encodeAnswer(made: CachedAnswer): Buffer {
  const head = JSON.stringify(made.headers);
  const headLength = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(8 + headLength + made.body.length);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(headLength, 4);
  bytes.write(head, 8);
  made.body.copy(bytes, 8 + headLength);
  return bytes;
}

/** The same for one who keeps the bytes themselves, not a copy: whoever finds them need not parse them. */
export function encodeOnce(made: CachedAnswer): Buffer {
  const bytes: AnswerBytes = encodeAnswer(made);
  bytes[answer] = made;
  return bytes;
}

/** Undefined for a value under the same key that is no answer, such as one that was set by hand. */
export function decodeAnswer(value: unknown): CachedAnswer | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  const bytes: AnswerBytes = value;
  return (bytes[answer] ??= parseAnswer(bytes));
}

function parseAnswer(bytes: Buffer): CachedAnswer | undefined {
  if (bytes.length < 8 || bytes.readUInt32BE(0) !== magic) return undefined;
  const end = 8 + bytes.readUInt32BE(4);
  if (end > bytes.length) return undefined;
  const headers = JSON.parse(bytes.toString('utf8', 8, end)) as Fields;
  const etag = headers.find(([name]) => name === 'etag')?.[1];
  return etag === undefined ? undefined : new CachedAnswer(headers, etag, bytes.subarray(end));
}

/** Whether the caller's `If-None-Match` names this entity (weak comparison, RFC 9110 13.1.2). */
export function matchesEntity(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const wanted = etag.replace(/^W\//, '');
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === wanted);
}

function entityTag(body: Buffer): string {
  return `"${createHash('sha1').update(body).digest('base64url')}"`;
}
