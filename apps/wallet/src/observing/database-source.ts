import type { DatabaseSource, QueryAdvice, SlowQuery as ReportedSlowQuery } from '@dunlin/monitoring';
import type { Database, IndexRecommendation, QueryEvent, SlowQuery } from '@dunlin/postgres';
import type { DatabaseCare } from '../queries/database-care.js';
import type { HistoryReader } from '../queries/history-reader.js';

/** What the monitor reads from the wallet's database. */
export function databaseSource(database: Database, care: DatabaseCare, history: HistoryReader): DatabaseSource {
  return {
    ...(history.hasReplicas ? { replicaReads: () => history.reads() } : {}),
    onQuery: (listener) =>
      database.onQuery((event: QueryEvent) =>
        listener({
          fingerprint: event.fingerprint,
          query: event.query,
          durationMs: event.durationMs,
          waitMs: event.waitMs,
          rows: event.rows,
          error: event.errorCode,
          endpoint: event.endpoint,
          correlationId: event.correlationId,
          request: event.context,
        }),
      ),
    poolStatus: () => database.poolStatus(),
    isHealthy: () => care.isReachable(),
    slowQueries: (limit) => care.slowQueries(limit).map(withoutAbsent),
    async queryDetail(fingerprint) {
      // Whoever opens a statement wants its plan, also when it was never slow.
      await care.planOf(fingerprint);
      return care.queryDetail(fingerprint);
    },
    planOf: (fingerprint) => care.planOf(fingerprint),
    async analyze() {
      const { totalQueries, averageTimeMs, slowQueries, recommendations, ...rest } = await care.analyze();
      return {
        ...rest,
        totalQueries,
        averageTime: averageTimeMs,
        slowQueries,
        recommendations: recommendations.map(withStatements),
      };
    },
    advise: async () => (await care.advise()).map(withStatements),
    startMaintenance: () => care.maintain(),
    maintenanceRuns: () => care.maintenanceRuns(),
    setSlowQueryMs: (thresholdMs) => database.setSlowQueryMs(thresholdMs),
  };
}

/** An index that is missing names the statements that it would serve. */
function withStatements(one: IndexRecommendation): QueryAdvice {
  if (one.kind !== 'missing_index') return one;
  return { ...one, fingerprints: one.evidence.queries.map(({ fingerprint }) => fingerprint) };
}

/** Leaves out what is not known, so that it is absent from the answer and not "undefined". */
function withoutAbsent({ endpoint, correlationId, plan, ...known }: SlowQuery): ReportedSlowQuery {
  return {
    ...known,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(plan === undefined ? {} : { plan }),
  };
}
