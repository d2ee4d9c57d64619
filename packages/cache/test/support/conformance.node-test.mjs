// The exported suite under Node.js's own test runner, over the built package: what a user of it would write.
import { test } from 'node:test';
import { CacheService } from '@dunlin/cache';
import { conformanceCases } from '@dunlin/cache/conformance';

async function open() {
  const cache = new CacheService();
  await cache.connect();
  return cache;
}

/** A cache with a fault: it says that it deleted, and did not. The suite must notice. */
async function openForgetful() {
  const cache = await open();
  cache.delete = () => Promise.resolve(true);
  return cache;
}

const cases = conformanceCases({ betweenInstances: false });
for (const { name, run } of cases) test(name, () => run(process.env.FORGETFUL ? openForgetful : open));
