import { makeClient } from '@dunlin/cache/redis';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { redisConnection } from '../../src/caching/redis-connection.js';
import { loadConfig } from '../../src/config/config.js';

/** The options that the client really gets: one that is read and then dropped would leave the money's neighbours in the clear. */
function sentinelOptions(variables: Record<string, string>): Redis['options'] {
  const { redis } = loadConfig({ REDIS_SENTINELS: '10.0.0.1:26379', ...variables }, '/data');
  const client = makeClient(redisConnection(redis)!, { commandTimeoutMs: 250, forMessages: false });
  expect(client).toBeInstanceOf(Redis);
  return (client as Redis).options;
}

test('REDIS_TLS=on encrypts to the master and to the sentinels', () => {
  const { tls, sentinelTLS, enableTLSForSentinelMode } = sentinelOptions({ REDIS_TLS: 'on' });
  expect({ tls, sentinelTLS, enableTLSForSentinelMode }).toEqual({
    tls: {},
    sentinelTLS: {},
    enableTLSForSentinelMode: true,
  });
});

test('without it nothing is', () => {
  const { tls, sentinelTLS, enableTLSForSentinelMode } = sentinelOptions({});
  expect([tls ?? undefined, sentinelTLS ?? undefined, enableTLSForSentinelMode]).toEqual([undefined, undefined, false]);
});
