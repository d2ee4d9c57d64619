import type { Environment } from './environment.js';

/** More than this on one machine is a slip of the finger: each is a whole instance. */
const MOST_WORKERS = 64;

/** How many processes serve the port; `auto`: as many as there are CPUs for this process; undefined: this process alone. */
export type WorkersConfig = number | 'auto' | undefined;

/** `WORKERS`. Whoever has a name for several addresses (`localhost`) cannot share one listener, so it is refused together with workers. */
export function readWorkers(environment: Environment, host: string): WorkersConfig {
  const described = `auto, or a whole number from 1 to ${MOST_WORKERS}`;
  const text = environment.text('WORKERS', { pattern: /^(auto|[1-9]\d?)$/, described });
  if (text === undefined) return undefined;
  if (host === 'localhost') {
    environment.refuse('HOST', '"localhost"', 'one address, such as 127.0.0.1, when WORKERS is set');
  }
  if (text === 'auto') return 'auto';
  return Number(text) <= MOST_WORKERS ? Number(text) : environment.refuse('WORKERS', `"${text}"`, described);
}
