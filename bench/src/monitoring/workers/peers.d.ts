declare module 'swagger-stats' {
  import type { RequestHandler } from 'express';
  const swaggerStats: {
    getMiddleware(options: object): RequestHandler;
    getCoreStats(): { all: { requests: number } };
    stop(): void;
  };
  export default swaggerStats;
}
