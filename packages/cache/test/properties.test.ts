import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newEntry } from '../src/entry.js';
import { globMatcher } from '../src/glob.js';
import { KeyClasses } from '../src/key-class.js';
import { MemoryTier } from '../src/memory-tier.js';
import { decodeEnvelope, encodeEnvelope } from '../src/redis/envelope.js';
import { decodeNews, encodeApplied, encodeCommitted } from '../src/coherence/news.js';
import { storeValue } from '../src/value.js';

const classes = new KeyClasses([{ name: 'family', pattern: 'family:{x}', ttlSeconds: 60 }], 60);
const segment = fc.constantFrom('a', 'b', 'c', 'family', '{x}', '*', '');
const key = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(':') || 'k');

type Step =
  | { kind: 'put'; key: string; size: number; tag: string }
  | { kind: 'remove'; key: string }
  | { kind: 'use'; key: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key,
    size: fc.integer({ min: 0, max: 400 }),
    tag: fc.constantFrom('s', 't'),
  }),
  fc.record({ kind: fc.constant('remove' as const), key }),
  fc.record({ kind: fc.constant('use' as const), key }),
);

describe('properties', () => {
  it('memory stays within its bounds, and its groups and tags name exactly what it holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const limits = { maxBytes: 6_000, maxEntries: 8 };
        const tier = new MemoryTier(limits);
        const model = new Map<string, string>();
        for (const one of steps) {
          if (one.kind === 'remove') tier.remove(one.key);
          if (one.kind === 'use') {
            const entry = tier.get(one.key);
            if (entry) entry.used = true;
          }
          if (one.kind === 'put') {
            const policy = classes.of(one.key);
            const stored = storeValue('x'.repeat(one.size));
            const groups = classes.groupsOf(one.key);
            const entry = newEntry({
              key: one.key,
              policy,
              stored,
              version: undefined,
              nowMs: 0,
              ttlMs: 1,
              tags: [one.tag],
              groups,
            });
            expect(tier.put(entry)).toBe(true);
            expect(tier.get(one.key)).toBe(entry);
            model.set(one.key, one.tag);
          }
          expect(tier.size).toBeLessThanOrEqual(limits.maxEntries);
          expect(tier.bytes).toBeLessThanOrEqual(limits.maxBytes);
        }
        const held = tier.keysWhere(() => true);
        expect(held.reduce((sum, name) => sum + (tier.get(name)?.sizeBytes ?? 0), 0)).toBe(tier.bytes);
        for (const tag of ['s', 't']) {
          expect(new Set(tier.keysOfTag(tag))).toEqual(new Set(held.filter((name) => model.get(name) === tag)));
        }
        for (const group of new Set(held.flatMap((name) => classes.groupsOf(name)))) {
          expect(new Set(tier.keysOfGroup(group))).toEqual(new Set(held.filter((name) => name.startsWith(group))));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a declared pattern means the same by group as by matching', () => {
    fc.assert(
      fc.property(key, key, (prefix, name) => {
        const pattern = `${prefix}:*`;
        const group = classes.groupOfPattern(pattern);
        if (group === undefined) return;
        expect(classes.groupsOf(name).includes(group)).toBe(globMatcher(pattern)(name) && name !== group.slice(0, -1));
        if (classes.groupsOf(name).includes(group)) expect(classes.slotOf(name)).toBe(classes.slotOf(group));
      }),
      { numRuns: 2_000 },
    );
  });

  it('what is written for Redis is read back, and one changed byte is noticed', () => {
    const value = fc.oneof(
      fc.json().map((text) => JSON.parse(text) as unknown),
      fc.uint8Array(),
    );
    fc.assert(
      fc.property(
        value,
        fc.array(fc.string({ minLength: 1 }), { maxLength: 3 }),
        fc.option(fc.nat()),
        (given, tags, version) => {
          const stored = storeValue(given);
          const envelope = {
            generations: 'a,b',
            tagGenerations: 'c',
            freshUntilMs: 2_000,
            storedAtMs: 1_000,
            version: version ?? undefined,
            tags,
            stored,
          };
          const raw = encodeEnvelope(envelope);
          expect(decodeEnvelope(raw)).toEqual(envelope);
          raw[raw.length - 1] = (raw[raw.length - 1] ?? 0) ^ 1;
          expect(decodeEnvelope(raw)).toBeUndefined();
        },
      ),
    );
  });

  it('messages of any size fit and say what they were given', () => {
    const commit = fc.record({
      id: fc.nat(),
      writer: fc.constant('w'),
      keys: fc.array(fc.string({ maxLength: 300, unit: 'grapheme' }), { maxLength: 40 }),
      versions: fc.constant(null),
      tags: fc.array(fc.string()),
    });
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 3_000 }), (commits, ids) => {
        const heard: unknown[] = [];
        for (const message of encodeCommitted('w', commits)) {
          expect(Buffer.byteLength(message)).toBeLessThan(8_000);
          const news = decodeNews(message);
          if (news?.kind === 'committed') heard.push(...news.commits);
        }
        expect(heard).toEqual(commits.map((one, at) => (typeof heard[at] === 'number' ? one.id : one)));
        const confirmed = encodeApplied('w', ids).flatMap((message) => {
          expect(Buffer.byteLength(message)).toBeLessThan(8_000);
          const news = decodeNews(message);
          return news?.kind === 'applied' ? news.ids : [];
        });
        expect(confirmed).toEqual(ids);
      }),
      { numRuns: 100 },
    );
  });

  it('what is no message is ignored', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => decodeNews(text)).not.toThrow();
      }),
    );
    for (const text of [
      'null',
      '[]',
      '{"k":"c","f":"a","c":[[1,["k"],[1,2],[]]]}',
      '{"k":"a","f":"a","i":["1"]}',
      '{"k":"a","i":[1]}',
    ]) {
      expect(decodeNews(text)).toBeUndefined();
    }
  });
});
