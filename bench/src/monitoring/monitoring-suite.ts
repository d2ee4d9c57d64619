import type { Suite } from '../harness/suite.js';
import { expressTracking, fastifyTracking } from './questions/http-tracking.js';
import { memoryOfASeries } from './questions/memory.js';
import { allocation, observation } from './questions/observation.js';
import { quantileError, quantileRead } from './questions/quantiles.js';

/** @dunlin/monitoring beside its peers. */
export const monitoringSuite: Suite = {
  name: 'monitoring',
  title: 'The monitoring beside its peers',
  questions: [
    { name: 'observation', run: observation },
    { name: 'allocation', run: allocation },
    { name: 'quantile-error', run: quantileError },
    { name: 'quantile-read', run: quantileRead },
    { name: 'memory', run: memoryOfASeries },
    { name: 'tracking-fastify', run: fastifyTracking },
    { name: 'tracking-express', run: expressTracking },
  ],
};
