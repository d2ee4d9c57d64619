import type { Config } from '../config/config.js';

/** What a process needs of the application. */
export interface RunnableApp {
  /** Binds the port. Rejects with the system's error (`EADDRINUSE`, …). */
  listen(): Promise<{ url: string }>;
  /**
   * Takes no new connection and lets the open ones go: each is answered what it still asks and closed then. Resolves when none is left,
   * or after `patienceMs`.
   */
  drain(patienceMs: number): Promise<void>;
  /** Takes no new request, finishes the running ones, and closes all that the application opened. */
  close(): Promise<void>;
  /** What to tell whoever started it: where to look, and how to log in. */
  announcement(): string[];
  /** What this instance alone has to say to a scrape, in Prometheus' format or in OpenMetrics. */
  metricsText(openMetrics: boolean): string;
}

/** Builds the application; it opens nothing that `close` does not close. */
export type BuildRunnableApp = (options: {
  config: Config;
  databaseUrl: string;
  /** Another process has seen to the operator already. */
  operatorIsThere?: boolean;
  /** Makes one answer to a scrape of this instance's text and those of the others behind its port. */
  joinMetrics?: (own: string, openMetrics: boolean) => Promise<string>;
}) => Promise<RunnableApp>;

/** Loads the application's code: a process that runs none of it need not have it. */
export type LoadApp = () => Promise<BuildRunnableApp>;
