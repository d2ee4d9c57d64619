/** What the cache needs of a logger; pino satisfies it. Fields never hold a key or a value. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const ignore = (): void => undefined;

/** The default: a library says nothing unless it is given where to. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
