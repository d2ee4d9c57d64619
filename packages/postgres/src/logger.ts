/** Structured logging; pino satisfies it. No field ever holds a parameter value. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * What is used when no logger is given: warnings and errors become process warnings, so that a failing hook is
 * still heard of, and the rest is dropped.
 */
export const processWarnings: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => process.emitWarning(message, { code: 'DUNLIN_POSTGRES', detail: JSON.stringify(fields) }),
  error: (fields, message) => process.emitWarning(message, { code: 'DUNLIN_POSTGRES', detail: JSON.stringify(fields) }),
};
