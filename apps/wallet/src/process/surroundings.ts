import type { Shutdown } from './shutdown.js';

/** What a running process is surrounded by. */
export interface Surroundings {
  readonly shutdown: Shutdown;
  /** A line for whoever started it. */
  readonly say: (line: string) => void;
  /** The database is gone for good. */
  readonly onLost: (error: Error) => void;
}
