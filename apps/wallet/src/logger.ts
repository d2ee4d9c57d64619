import { logFields } from '@dunlin/monitoring';
import { pino, type Logger, type LoggerOptions, type StreamEntry } from 'pino';

/**
 * Structured logs: one JSON object a line on standard output, each with the correlation and trace id of the request that it belongs
 * to. What could carry a secret is taken out here as well, whatever a caller passes. `beside` gets each line too; a test that
 * reads them there gives another `output`.
 */
export function createLogger(
  level: string,
  beside?: StreamEntry['stream'],
  output: StreamEntry['stream'] = pino.destination(1),
): Logger {
  const options: LoggerOptions = {
    level,
    base: { service: 'dunlin-wallet' },
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: logFields,
    redact: {
      paths: [
        'password',
        'token',
        'accessToken',
        'refreshToken',
        'authorization',
        '*.password',
        '*.token',
        '*.accessToken',
        '*.refreshToken',
        '*.authorization',
        'req.headers',
        'err.detail',
      ],
      censor: '(hidden)',
    },
  };
  if (beside === undefined) return pino(options);
  // The logger's own level decides; multistream's would be `info`.
  const every = { level: 'trace' } as const;
  return pino(
    options,
    pino.multistream([
      { ...every, stream: output },
      { ...every, stream: beside },
    ]),
  );
}
