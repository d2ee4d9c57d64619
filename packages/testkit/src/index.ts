export { createTestDatabase, type TemplateDatabase, type TestDatabase } from './test-database.js';
export { startTestPostgres, startTestReplica, type TestPostgres, type TestPostgresOptions } from './test-postgres.js';
export { promoteTestReplica } from './promote.js';
export { requireSynchronousStandby } from './synchronous-standby.js';
export { hasRedisServer, startTestRedis, type TestRedis } from './test-redis.js';
export {
  describePgBouncer,
  hasPgBouncer,
  startTestPgBouncer,
  type TestPgBouncer,
  type TestPgBouncerOptions,
} from './test-pgbouncer.js';
export { describeRedis, testRedisUrl, REDIS_MISSING } from './shared-redis.js';
export { startFaultProxy, type FaultProxy } from './fault-proxy.js';
export { gate, type Gate } from './gate.js';
export { ManualClock, type Clock } from './manual-clock.js';
export { leakCheck } from './leak-check.js';
export { makeScratchFolder, removeScratchFolder } from './scratch-folder.js';
export { freePort } from '@dunlin/embedded';
export { RunningTime } from './running-time.js';
