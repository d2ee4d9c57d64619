// The Fastify plugins are `@dunlin/monitoring/fastify`, so that a service without Fastify needs none of its types.
export { systemClock, type Clock } from './clock.js';
export type { Logger } from './logger.js';
export type { Queryable } from './queryable.js';
export { ChannelDeliveryError, MonitoringInputError, MonitoringStoreError, type InvalidInput } from './errors.js';
export {
  PerformanceMonitoringService,
  type MonitoringEvents,
  type RecordedRequest,
} from './performance-monitoring-service.js';
export type { MonitoringOptions, MonitoringStore } from './options.js';
export type { DurationFigures, EndpointMetrics, PerformanceMetrics } from './performance-metrics.js';
export type { Health, ServiceHealth } from './health.js';
export { SlidingWindow, WindowReading, type WindowSeconds } from './metrics/sliding-window.js';
export { LatencySketch, RELATIVE_ERROR } from './metrics/latency-sketch.js';
export { availableCpus } from './system/available-cpus.js';
export type { SystemFigures } from './system/system-sampler.js';
export type { CacheClassFigures, CacheCounters, CacheSource, InvalidationTarget } from './sources/cache-source.js';
export type {
  DatabaseSource,
  PoolFigures,
  QueryAdvice,
  QueryObservation,
  SlowQuery,
} from './sources/database-source.js';
export type { QueryFigures } from './sources/database-recorder.js';
export type { Alert, AlertEvidence, AlertType, Exemplar, Severity } from './alerts/alert.js';
export type { AlertStore, Mute, SharedState } from './alerts/alert-store.js';
export type { ChangeMarker } from './alerts/change-marker.js';
export type { BurnRateDefinition, MetricRuleDefinition, RuleDefinition } from './alerts/rule-definition.js';
export type { Condition, ConditionState } from './alerts/condition.js';
export { DEFAULT_BURN_WINDOWS, type BurnWindow, type ServiceObjective } from './alerts/objective.js';
export { RULE_METRICS, type RuleMetric } from './alerts/rule.js';
export type { AlertOutcome } from './alerts/shared-alerts.js';
export {
  DEFAULT_THRESHOLDS,
  THRESHOLD_BOUNDS,
  thresholdsFromEnvironment,
  type ThresholdName,
  type ThresholdPatch,
  type Thresholds,
} from './alerts/thresholds.js';
export { MemoryAlertStore } from './alerts/memory-alert-store.js';
export type { AlertChannel, Notification } from './alerts/notification.js';
export type { ChannelStatus } from './alerts/channel-queue.js';
export type { Finding, FindingArea, PerformanceReport } from './reports/finding.js';
export { reportAsMarkdown } from './reports/markdown.js';
export { joinExpositions, type ExpositionPart } from './exporters/joined-exposition.js';
export { prometheusText } from './exporters/prometheus.js';
export {
  currentRequest,
  logFields,
  runInRequest,
  traceHeaders,
  RequestRecord,
  type CacheSpan,
  type MemoryEstimate,
  type QuerySpan,
} from './tracing/request-record.js';
export { formatTraceParent, parseTraceParent, type TraceParent } from './tracing/traceparent.js';
export type { Trace } from './tracing/trace-store.js';
export { PostgresMonitoringStore } from './postgres/postgres-monitoring-store.js';
export { monitoringSchemaDown, monitoringSchemaUp } from './postgres/schema.js';
export type { FleetMetrics } from './fleet/fleet-figures.js';
export type { FleetStore, PublishedFigures } from './fleet/published-figures.js';
export type { HistoryPoint, HistoryStore } from './history/history-store.js';
export type { ThresholdAdvice } from './history/threshold-advice.js';
export { logChannel } from './alerts/channels/log-channel.js';
export { listenerChannel } from './alerts/channels/listener-channel.js';
export { signWebhook, webhookChannel, type WebhookOptions } from './alerts/channels/webhook-channel.js';
export { slackChannel } from './alerts/channels/slack-channel.js';
export { alertmanagerChannel, type AlertmanagerOptions } from './alerts/channels/alertmanager-channel.js';
export { smtpChannel, type SmtpOptions } from './alerts/channels/smtp-channel.js';
export { OtlpExporter, type OtlpExporterOptions } from './exporters/otlp-exporter.js';
export type { OtlpSignalStatus, OtlpStatus } from './exporters/otlp-lane.js';
export { OtlpLogBuffer } from './exporters/otlp-logs.js';
export type { OtlpProtocol, OtlpSignal } from './exporters/otlp-transport.js';
