import type { Environment } from './environment.js';

/** Where OpenTelemetry data go, by the names that OpenTelemetry gives its variables. */
export interface OtlpConfig {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly signals: readonly ('traces' | 'metrics' | 'logs')[];
  readonly timeoutMs: number;
  readonly metricsIntervalMs: number;
}

const PAIR = /^\s*[^\s=,]+\s*=[^,]*$/;
const SIGNALS = ['traces', 'metrics', 'logs'] as const;

/** Undefined, and nothing is sent, without an endpoint. The others are checked all the same, so that a wrong one does not wait for the day when it counts. */
export function readOtlp(environment: Environment): OtlpConfig | undefined {
  const endpoint = environment.secretUrl('OTEL_EXPORTER_OTLP_ENDPOINT', ['http:', 'https:']);
  const headers = environment.secret('OTEL_EXPORTER_OTLP_HEADERS', {
    accept: (value) => arePairs(value) && Object.entries(pairs(value)).every(isHeader),
    described: 'name=value, several separated by commas, values percent-encoded where they need it',
  });
  const attributes = environment.text('OTEL_RESOURCE_ATTRIBUTES', {
    pattern: /^\s*[^\s=,]+\s*=[^,]*(,\s*[^\s=,]+\s*=[^,]*)*$/,
    described: 'name=value, several separated by commas',
  });
  const rest = {
    protocol: environment.choice('OTEL_EXPORTER_OTLP_PROTOCOL', ['http/protobuf', 'http/json']) ?? 'http/protobuf',
    serviceName:
      environment.text('OTEL_SERVICE_NAME', { pattern: /^.{1,200}$/, described: '1 to 200 characters' }) ??
      'dunlin-wallet',
    resourceAttributes: attributes === undefined ? {} : pairs(attributes),
    signals: SIGNALS.filter(
      (signal) => environment.choice(`OTEL_${signal.toUpperCase()}_EXPORTER`, ['otlp', 'none']) !== 'none',
    ),
    timeoutMs: environment.integer('OTEL_EXPORTER_OTLP_TIMEOUT', { min: 100, max: 600_000, unit: 'ms' }) ?? 10_000,
    metricsIntervalMs:
      environment.integer('OTEL_METRIC_EXPORT_INTERVAL', { min: 1_000, max: 3_600_000, unit: 'ms' }) ?? 60_000,
  } as const;
  return endpoint === undefined
    ? undefined
    : { endpoint, headers: headers === undefined ? {} : pairs(headers), ...rest };
}

function arePairs(value: string): boolean {
  return value.split(',').every((part) => PAIR.test(part));
}

/** A header's name and value as HTTP takes them: a wrong one would fail each export. */
function isHeader([name, value]: [string, string]): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

/** `a=1,b=two%20words`; what is no percent-encoding is taken as it stands. */
function pairs(value: string): Record<string, string> {
  return Object.fromEntries(
    value.split(',').map((part) => {
      const cut = part.indexOf('=');
      return [part.slice(0, cut).trim(), percentDecoded(part.slice(cut + 1).trim())];
    }),
  );
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A bare percent sign, for example in a password that was not encoded.
    return text;
  }
}
