import { CacheService, CacheError, type KeyClass } from '@dunlin/cache';
import { randomUUID } from 'node:crypto';

// What a stranger writes first: two tiers, a class, a load, an invalidation.
const classes: KeyClass[] = [{ name: 'greeting', pattern: 'greeting:{name}', ttlSeconds: 60 }];
const cache = new CacheService({ redis: { url: process.env['REDIS_URL'] ?? '' }, classes, namespace: randomUUID() });
await cache.connect();
let loads = 0;
const load = async (): Promise<string> => `hello ${(loads += 1)}`;
const first: string = await cache.getOrSet('greeting:ann', load);
const second: string = await cache.getOrSet('greeting:ann', load);
await cache.delete('greeting:ann');
const third: string = await cache.getOrSet('greeting:ann', load);
let refusal: unknown;
try {
  new CacheService({ namespace: 'two words' });
} catch (error) {
  refusal = error;
}
await cache.disconnect();
if ([first, second, third].join() !== 'hello 1,hello 1,hello 2') throw new Error(`read ${first}, ${second}, ${third}`);
if (!(refusal instanceof CacheError)) throw new Error('a bad option was taken');
