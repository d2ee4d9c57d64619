import { describe, expect, it } from 'vitest';
import { LogWatch } from '../../src/chaos/log-watch.js';

const secret = 'canary0123456789';
const signed = `eyJhbGciOiJFZERTQSJ9.${'a'.repeat(40)}.${'b'.repeat(86)}`;

describe('a watch over what wallets write', () => {
  it('finds a secret, also one that is cut in two by the end of a chunk', () => {
    for (let cut = 1; cut < secret.length; cut += 1) {
      const watch = new LogWatch([secret]);
      watch.hear('the log', `some words ${secret.slice(0, cut)}`);
      watch.hear('the log', `${secret.slice(cut)} and more`);
      expect(watch.found, `cut at ${cut}`).toHaveLength(1);
    }
  });

  it('finds a signed token that it has never heard of', () => {
    const watch = new LogWatch([]);
    watch.hear('the log', `authorization: Bearer ${signed.slice(0, 60)}`);
    watch.hear('the log', signed.slice(60));
    expect(watch.found[0]).toMatch(/^a signed token in the log/);
  });

  it('tells each finding once, without the secret itself', () => {
    const watch = new LogWatch([secret]);
    watch.hear('the log', `x ${secret}`);
    watch.hear('the log', ' nothing else');
    expect(watch.found).toEqual(['a secret in the log: …x [HERE]']);
  });

  it('lets pass what is no secret', () => {
    const watch = new LogWatch([secret]);
    watch.read('a page', '{"level":30,"msg":"request completed","route":"/wallet/balance"}');
    expect(watch.found).toEqual([]);
  });
});
