export interface ResponsePolicies {
  balance: unknown;
  history: unknown;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    responseCache?: unknown;
  }
  interface FastifyReply {
    cacheTtlSeconds?: number;
  }
}
