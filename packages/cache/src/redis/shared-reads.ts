import type { KeyClasses } from '../key-class.js';
import type { Logger } from '../logger.js';
import { decodeEnvelope, type Envelope } from './envelope.js';
import type { RedisKeys } from './keys.js';
import { KnownTags, type TagList } from './known-tags.js';
import { reasonOf, type Link } from './link.js';
import type { Owed } from './owed.js';
import { ReadBatch, type BatchItem } from './read-batch.js';
import type { ReadLane } from './read-lane.js';
import type { BulkValues } from './reply-reader.js';
import type { SharedHit, SharedRead } from './shared-tier.js';

export interface SharedReadsOptions {
  readonly link: Link;
  readonly lane: ReadLane | undefined;
  readonly keys: RedisKeys;
  readonly classes: KeyClasses;
  readonly owed: Owed;
  readonly logger: Logger;
}

const away = { kind: 'away' } as const;
const miss = { kind: 'miss' } as const;
const noTags: readonly string[] = [];
const noNames: readonly string[] = [];

/**
 * Reads of values: which names to ask for, and whether what came is whole and its generations are the present ones. The generations of the
 * tags come in the same round trip where the caller names the tags or they are known from an earlier read.
 */
export class SharedReads {
  private readonly batch: ReadBatch;
  private readonly knownTags: KnownTags;
  /** Reads that have not left yet, by key. */
  private leaving = new Map<string, EntryRead>();
  private leavingTurn = 0;

  constructor(private readonly options: SharedReadsOptions) {
    this.batch = new ReadBatch(options.link, options.lane);
    this.knownTags = new KnownTags((tag) => options.keys.ofTag(tag));
  }

  /** Never rejects. Who asks for a key whose read has not left yet shares it; one that is under way is joined by nobody. */
  read(key: string, givenTags: readonly string[] | undefined): Promise<SharedRead> {
    const { classes, keys, owed } = this.options;
    const list = givenTags ? this.knownTags.listOf(givenTags) : this.knownTags.of(key);
    if (!owed.isEmpty && owed.covers(key, classes.groupsOf(key), list.tags)) return Promise.resolve(away);
    if (this.leavingTurn !== this.batch.turn) {
      this.leaving = new Map();
      this.leavingTurn = this.batch.turn;
    }
    const leaving = this.leaving.get(key);
    if (leaving?.list === list) return leaving.outcome;
    const read = new EntryRead(this, key, keys.ofRead(key), list);
    this.leaving.set(key, read);
    this.batch.add(read);
    return read.outcome;
  }

  /** What is known of a key's tags from having written it. */
  noteTags(key: string, tags: readonly string[]): void {
    this.knownTags.note(key, tags);
  }

  /** Whether an entry that came by another way than `read` is whole and valid. */
  accept(
    key: string,
    raw: Buffer,
    stamps: string,
    tags: readonly string[],
    tagStamps: string,
  ): SharedHit | typeof miss | Promise<SharedHit | typeof miss> {
    const envelope = decodeEnvelope(raw);
    return envelope ? this.judge(key, envelope, stamps, tags, tagStamps) : miss;
  }

  /** The value, if its generations are the present ones; a promise where those of its tags have yet to be asked for. */
  judge(
    key: string,
    envelope: Envelope,
    stamps: string,
    tags: readonly string[],
    tagStamps: string,
  ): SharedHit | typeof miss | Promise<SharedHit | typeof miss> {
    const serverNowMs = this.options.link.serverNowMs();
    if (serverNowMs === undefined || envelope.generations !== stamps) return miss;
    if (envelope.tags.length === 0) {
      if (tags.length > 0) this.knownTags.note(key, noTags);
      return hitFrom(envelope, serverNowMs);
    }
    if (this.options.owed.covers('', [], envelope.tags)) return miss;
    if (!sameNames(tags, envelope.tags)) return this.judgeTagsAnew(key, envelope, serverNowMs);
    return tagStamps === envelope.tagGenerations ? hitFrom(envelope, serverNowMs) : miss;
  }

  /** The reply to a read, as far as it can be judged at once. */
  onLanded(read: EntryRead, values: BulkValues, at: number, sharedAt: readonly number[]): void {
    const start = values.starts[at] ?? -1;
    const { key, list, names } = read;
    const envelope = start < 0 ? undefined : decodeEnvelope(values.bytes, start, values.ends[at], list);
    if (!envelope) return this.settle(read, miss);
    let stamps = names.length > 1 ? textAt(values, at + 1) : '';
    for (let next = 2; next < names.length; next += 1) stamps += `,${textAt(values, at + next)}`;
    const judged = this.judge(key, envelope, stamps, list.tags, textsAt(values, sharedAt));
    if (!(judged instanceof Promise)) return this.settle(read, judged);
    judged.then(
      (settled) => this.settle(read, settled),
      (error: unknown) => this.onFailed(read, error),
    );
  }

  onFailed(read: EntryRead, error: unknown): void {
    this.options.classes.of(read.key).counters.redis.errors += 1;
    this.options.logger.debug({ reason: reasonOf(error) }, 'a redis command failed');
    read.settle(away);
  }

  private settle(read: EntryRead, settled: SharedHit | typeof miss): void {
    if (settled.kind === 'miss') this.options.classes.of(read.key).counters.redis.misses += 1;
    read.settle(settled);
  }

  /** The value carries other tags than were asked for: a second round trip. */
  private async judgeTagsAnew(key: string, envelope: Envelope, serverNowMs: number): Promise<SharedHit | typeof miss> {
    this.knownTags.note(key, envelope.tags);
    const { names } = this.knownTags.listOf(envelope.tags);
    const present = await new Promise<string>((resolve, reject) => {
      this.batch.add({
        names: noNames,
        sharedNames: names,
        landed: (values, _at, sharedAt) => resolve(textsAt(values, sharedAt)),
        failed: reject,
      });
    });
    return present === envelope.tagGenerations ? hitFrom(envelope, serverNowMs) : miss;
  }
}

/** One key's read, from the question to the answer. */
class EntryRead implements BatchItem {
  readonly outcome: Promise<SharedRead>;
  readonly sharedNames: readonly string[];
  private resolve: (read: SharedRead) => void = () => undefined;

  constructor(
    private readonly reads: SharedReads,
    readonly key: string,
    /** The entry's, then those of its groups' generations. */
    readonly names: readonly string[],
    /** The tags that it is likely to carry. */
    readonly list: TagList,
  ) {
    this.sharedNames = list.names;
    this.outcome = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  landed(values: BulkValues, at: number, sharedAt: readonly number[]): void {
    this.reads.onLanded(this, values, at, sharedAt);
  }

  failed(error: unknown): void {
    this.reads.onFailed(this, error);
  }

  settle(read: SharedRead): void {
    this.resolve(read);
  }
}

function hitFrom(envelope: Envelope, serverNowMs: number): SharedHit {
  return {
    kind: 'hit',
    stored: envelope.stored,
    version: envelope.version,
    tags: envelope.tags,
    freshForMs: envelope.freshUntilMs - serverNowMs,
    ageMs: Math.max(0, serverNowMs - envelope.storedAtMs),
  };
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((name, at) => name === other[at]);
}

/** A generation is plain ASCII; one that is not there stands for itself as the empty word. */
function textAt({ bytes, starts, ends }: BulkValues, at: number): string {
  const start = starts[at] ?? -1;
  return start < 0 ? '' : bytes.toString('latin1', start, ends[at]);
}

function textsAt(values: BulkValues, places: readonly number[]): string {
  const [only] = places;
  if (only === undefined) return '';
  return places.length === 1 ? textAt(values, only) : places.map((place) => textAt(values, place)).join(',');
}
