import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

/** The OpenAPI 3.1 document at `/docs/json` and a page to try it at `/docs`; registered before the routes that it tells of. */
export async function installOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Dunlin',
        version,
        description:
          'A wallet with offline tokens. Money is a string of integer minor units; errors are problem+json (RFC 9457).',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      tags: [
        { name: 'accounts', description: 'Registration and login' },
        { name: 'wallet', description: 'Balance, history, payments' },
        { name: 'tokens', description: 'Offline tokens' },
        { name: 'public keys', description: 'What devices verify with' },
        { name: 'operator', description: 'For operators' },
        { name: 'performance', description: 'Figures, alerts and advice' },
      ],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { deepLinking: true } });
}
