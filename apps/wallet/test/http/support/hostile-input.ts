import fc from 'fast-check';
import type { Json } from './client.js';

/** Ids that exist, so that a request now and then gets past the first check. */
export interface KnownValues {
  ids: string[];
  tokens: string[];
}

const hostileTexts = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '🦆',
  '__proto__',
  'constructor',
  '0',
  '-1',
  '1.5',
  '1e3',
  '99999999999999999999',
  'null',
  'true',
  '%00',
  '%',
  "' or 1=1 --",
  '{{7*7}}',
  '../../..',
  '١٢٣',
  'x'.repeat(600),
  'urn:uuid:0190b2f0-0000-7000-8000-000000000000',
  '2024-02-30T00:00:00Z',
  '0000-01-01T00:00:00.000Z',
  '9999-12-31T23:59:60.999Z',
];

const hostileText = fc.oneof(fc.constantFrom(...hostileTexts), fc.string({ unit: 'binary', maxLength: 20 }));
const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[]], {
    a: { b: {} },
  }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Values that mostly fit the schema, and now and then, anywhere inside, do not; one object in four lacks some of its fields. */
export function fromSchema(schema: Json, known: KnownValues): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 14, arbitrary: fitting(schema, known) }, { weight: 1, arbitrary: hostileValue });
}

function fitting(schema: Json, known: KnownValues): fc.Arbitrary<unknown> {
  const alternatives = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (alternatives !== undefined) return fc.oneof(...alternatives.map((one) => fromSchema(one, known)));
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom<unknown>(...(schema['enum'] as unknown[]));
  switch (schema['type']) {
    case 'object':
      return objectOf(schema, known);
    case 'array':
      return fc.array(fromSchema((schema['items'] ?? {}) as Json, known), { maxLength: 4 });
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return fc.boolean();
    case 'string':
      return textOf(schema, known);
    default:
      return hostileValue;
  }
}

function objectOf(schema: Json, known: KnownValues): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
  const model = Object.fromEntries(properties.map(([name, one]) => [name, fromSchema(one, known)]));
  const requiredKeys = fc.nat(3).chain((whole) => fc.record(model, whole < 3 ? {} : { requiredKeys: [] }));
  const extra = fc.tuple(fc.constantFrom('__proto__', 'id', 'constructor', '', 'x'), hostileValue);
  return fc
    .tuple(requiredKeys, fc.option(extra, { freq: 6 }))
    .map(([object, added]) => (added === null ? object : { ...object, [added[0]]: added[1] }));
}

function numberOf(schema: Json): fc.Arbitrary<number> {
  const low = (schema['minimum'] as number | undefined) ?? -10;
  const high = (schema['maximum'] as number | undefined) ?? low + 1_000;
  return fc.constantFrom(low, high, low - 1, high + 1, low + 0.5, Math.floor((low + high) / 2), 60);
}

function textOf(schema: Json, known: KnownValues): fc.Arbitrary<string> {
  if (schema['format'] === 'uuid') return fc.constantFrom(...known.ids);
  if (schema['format'] === 'moment') {
    return fc
      .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  if (schema['pattern'] !== undefined) return fc.constantFrom('1', '7', '100', '999999999999999', 'text');
  return fc.oneof(fc.constantFrom(...known.tokens), hostileText);
}

/** As a part of a URL; what UTF-8 has no bytes for is sent as the bytes that some encoders make of it. */
export function encodeForUrl(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return [...text].map((one) => (/[\ud800-\udfff]/u.test(one) ? '%ED%A0%80' : encodeURIComponent(one))).join('');
}
