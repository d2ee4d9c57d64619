import { Agent } from 'node:http';
import { serveWorker } from '../../harness/serve-worker.js';
import { watchPeople } from './watch-people.js';
import type { WatchRequest, WatchSettings } from './watched-payments.js';

/** People who pay and look, for as long as they are asked to. */
serveWorker<WatchSettings, WatchRequest>(async (settings) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 * settings.people.length });
  return {
    answer: ({ forMs }) => watchPeople(agent, settings, forMs),
    async close() {
      agent.destroy();
    },
  };
});
