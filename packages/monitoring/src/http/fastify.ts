export { requestTracking, requestRecordOf, type RequestTrackingOptions } from './fastify-tracking.js';
export { performanceRoutes } from './performance-routes.js';
export type { PerformanceRoutesOptions } from './route-context.js';
export { HttpProblem, problemDocument, type ProblemFields } from './problem.js';
export type { PageOptions } from './page-options.js';
