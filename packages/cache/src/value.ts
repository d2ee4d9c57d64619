import { CacheError } from './errors.js';

/** A value ready to be kept: what memory hands out, and the bytes that travel to Redis. */
export type StoredValue =
  | { readonly kind: 'json'; readonly value: unknown; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Buffer };

/**
 * Takes a private copy of `value`. JSON values go through their text, so memory and Redis give back the same thing, and are
 * frozen to the last level: every caller shares them. `undefined` and what JSON cannot hold is refused.
 */
export function storeValue(value: unknown): StoredValue {
  if (value instanceof Uint8Array) return { kind: 'bytes', bytes: Buffer.from(value) };
  const text = stringify(value);
  return { kind: 'json', value: deepFreeze(JSON.parse(text)), text };
}

/** Rebuilds a JSON value that came from Redis. */
export function storedFromText(text: string): StoredValue {
  return { kind: 'json', value: deepFreeze(JSON.parse(text) as unknown), text };
}

/** What a caller gets: the shared frozen value, or a copy of the bytes, because bytes cannot be frozen. */
export function handOut(stored: StoredValue): unknown {
  return stored.kind === 'json' ? stored.value : Buffer.from(stored.bytes);
}

/** Bytes that the value takes, roughly: parsed JSON weighs about twice its text. */
export function sizeOf(stored: StoredValue): number {
  return stored.kind === 'bytes' ? stored.bytes.length : stored.text.length * 3;
}

/** Whether two values are the same to a caller. */
export function sameValue(one: StoredValue, other: StoredValue): boolean {
  if (one.kind === 'bytes') return other.kind === 'bytes' && one.bytes.equals(other.bytes);
  return other.kind === 'json' && one.text === other.text;
}

function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, refuseLossy);
  } catch (cause) {
    if (cause instanceof CacheError) throw cause;
    throw new CacheError('cache_value_unsupported', 'the value cannot be written as JSON', { cause });
  }
  if (text === undefined)
    throw new CacheError('cache_value_unsupported', 'undefined, functions and symbols cannot be cached');
  return text;
}

function refuseLossy(this: unknown, name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new CacheError(
      'cache_value_unsupported',
      `${name || 'the value'} is not a finite number, which JSON cannot hold`,
    );
  }
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)) {
    throw new CacheError(
      'cache_value_unsupported',
      `${name || 'the value'} holds a ${value.constructor.name}, which JSON would lose`,
    );
  }
  return value;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
