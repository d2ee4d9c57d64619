import { logFields } from '@dunlin/monitoring';
import { pino, type Logger } from 'pino';

/**
 * Structured logs: one JSON object a line on standard output, each with the correlation and trace id of the request that it belongs
 * to. What could carry a secret is taken out here as well, whatever a caller passes.
 */
export function createLogger(level: string): Logger {
  return pino({
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
  });
}
