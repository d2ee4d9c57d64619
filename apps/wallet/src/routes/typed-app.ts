import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';

/** An application whose handlers know the types of their schemas. */
export type TypedApp = Parameters<FastifyPluginAsyncTypebox>[0];
