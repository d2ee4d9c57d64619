import { OtlpExporter, OtlpLogBuffer, type PerformanceMonitoringService } from '@dunlin/monitoring';
import type { OtlpConfig } from '../config/otlp-config.js';
import { walletVersion } from './deployment.js';

/** Where log lines wait for the collector; undefined when none are wanted there. */
export function logBuffer(config: OtlpConfig | undefined): OtlpLogBuffer | undefined {
  return config?.signals.includes('logs') === true ? new OtlpLogBuffer() : undefined;
}

/** Sends traces, metrics and logs to the collector that the configuration names. The caller stops what this started. */
export function startExport(
  config: OtlpConfig,
  monitor: PerformanceMonitoringService,
  logs: OtlpLogBuffer | undefined,
): OtlpExporter {
  const exporter = new OtlpExporter({
    ...config,
    monitor,
    resourceAttributes: { 'service.version': walletVersion, ...config.resourceAttributes },
    ...(logs === undefined ? {} : { logs }),
  });
  exporter.start();
  return exporter;
}
