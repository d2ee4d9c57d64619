// One instance for the race matrix, in a process of its own: it does what it is told over IPC, and its loads stop at gates that the test opens.
// It runs the built package, or the one whose fence was taken out.
const { CacheService } = await import(process.env.DUNLIN_CACHE_MODULE ?? '@dunlin/cache');

let cache;
let startedOver = 0;
const gates = new Map();

/** A loader that says when it runs and goes on when its gate is opened. */
function gated(gate, value) {
  return () =>
    new Promise((resolve) => {
      gates.set(gate, () => resolve(value));
      process.send({ event: 'arrived', gate });
    });
}

const work = {
  async open(options) {
    cache = new CacheService(options);
    cache.on('startedOver', () => (startedOver += 1));
    await cache.connect();
  },
  async close() {
    await cache.disconnect();
  },
  async healthy() {
    return cache.isHealthy();
  },
  async get({ key }) {
    return cache.get(key);
  },
  async held({ key }) {
    return cache.getFromMemory(key)?.value ?? null;
  },
  async startedOver() {
    return startedOver;
  },
  async load({ key, tags, value, gate }) {
    return (await cache.lookup(key, gate === undefined ? () => value : gated(gate, value), { tags })).outcome;
  },
  async getOrSet({ key, tags, value }) {
    return cache.getOrSet(key, () => value, { tags });
  },
  async letGo({ gate }) {
    gates.get(gate)();
  },
  async set({ key, value, ttlSeconds, tags }) {
    return cache.set(key, value, ttlSeconds, { tags });
  },
  async delete({ key }) {
    return cache.delete(key);
  },
  async deleteByTag({ tag }) {
    return cache.deleteByTag(tag);
  },
  async deletePattern({ pattern }) {
    return cache.deletePattern(pattern);
  },
  async begun() {
    return true;
  },
  async stop() {
    await cache?.disconnect();
    process.disconnect();
  },
};

process.on('message', ({ number, name, given }) => {
  work[name](given).then(
    (value) => process.connected && process.send({ number, value }),
    (error) => process.connected && process.send({ number, error: String(error) }),
  );
});
process.send({ ready: true });
