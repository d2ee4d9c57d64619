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
/** An answer is parsed once for the bytes that memory holds, not once a hit. */
const parsed = new WeakMap<Buffer, CachedAnswer>();

export function makeAnswer(headers: ReadonlyMap<string, string>, body: Buffer): CachedAnswer {
  const etag = headers.get('etag') ?? entityTag(body);
  const kept = keptFields.flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return new CachedAnswer([...kept, ['etag', etag]], etag, body);
}

export function encodeAnswer(answer: CachedAnswer): Buffer {
  const head = Buffer.from(JSON.stringify(answer.headers));
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(magic, 0);
  prefix.writeUInt32BE(head.length, 4);
  return Buffer.concat([prefix, head, answer.body]);
}

/** The same for one who keeps the bytes themselves, not a copy: whoever finds them need not parse them. */
export function encodeOnce(answer: CachedAnswer): Buffer {
  const bytes = encodeAnswer(answer);
  parsed.set(bytes, answer);
  return bytes;
}

/** Undefined for a value under the same key that is no answer, such as one that was set by hand. */
export function decodeAnswer(value: unknown): CachedAnswer | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  const known = parsed.get(value);
  if (known) return known;
  if (value.length < 8 || value.readUInt32BE(0) !== magic) return undefined;
  const end = 8 + value.readUInt32BE(4);
  if (end > value.length) return undefined;
  const headers = JSON.parse(value.toString('utf8', 8, end)) as Fields;
  const etag = headers.find(([name]) => name === 'etag')?.[1];
  if (etag === undefined) return undefined;
  const answer = new CachedAnswer(headers, etag, value.subarray(end));
  parsed.set(value, answer);
  return answer;
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
