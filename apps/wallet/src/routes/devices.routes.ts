import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Accounts } from '../accounts/accounts.js';
import { maxDevices, type DeviceAddition } from '../accounts/devices.js';
import { DeviceKeyIn, DeviceKeySchema } from './account-schemas.js';
import type { Authenticate } from './authentication.js';
import { auditOriginOf } from './operator-audit.js';
import { Problem } from './problem.js';
import { bearer, closed, problems } from './schemas.js';

export interface DeviceRoutesOptions {
  accounts: Pick<Accounts, 'addDevice' | 'revokeDevice'>;
  authenticate: Authenticate;
}

const KeyId = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'RFC 7638 thumbprint' });

/** `POST /users/me/devices` and `DELETE /users/me/devices/:keyId`. */
export const deviceRoutes: FastifyPluginAsyncTypebox<DeviceRoutesOptions> = async (app, { accounts, authenticate }) => {
  app.post(
    '/users/me/devices',
    {
      onRequest: authenticate(),
      schema: {
        summary: 'Add the key of a device',
        tags: ['accounts'],
        security: bearer,
        body: Type.Object({ devicePublicKey: DeviceKeyIn }, closed),
        response: { 201: DeviceKeySchema, ...problems(400, 401, 409, 422, 503) },
      },
    },
    async (request, reply) => {
      const outcome = await accounts.addDevice(
        request.principal.id,
        request.body.devicePublicKey,
        auditOriginOf(request, request.principal.id),
      );
      if (outcome.kind !== 'added' && outcome.kind !== 'present') throw additionProblem(outcome);
      const { id, jwk, createdAt } = outcome.key;
      return reply.code(201).send({ id, jwk, createdAt: createdAt.toISOString() });
    },
  );

  app.delete(
    '/users/me/devices/:keyId',
    {
      onRequest: authenticate(),
      schema: {
        summary: 'Revoke the key of a device, for good',
        tags: ['accounts'],
        security: bearer,
        params: Type.Object({ keyId: KeyId }, closed),
        response: { 204: Type.Null(), ...problems(400, 401, 404, 503) },
      },
    },
    async (request, reply) => {
      const held = await accounts.revokeDevice(
        request.principal.id,
        request.params.keyId,
        auditOriginOf(request, request.principal.id),
      );
      if (!held) throw new Problem(404, 'device_not_found', 'You hold no such device key.');
      return reply.code(204).send(null);
    },
  );
};

function additionProblem(outcome: Exclude<DeviceAddition, { kind: 'added' | 'present' }>): Problem {
  switch (outcome.kind) {
    case 'invalid': {
      const path = `/devicePublicKey${outcome.path}`;
      return new Problem(400, 'invalid_request', `The body is invalid: ${path} ${outcome.reason}.`, {
        errors: [{ path, message: outcome.reason }],
      });
    }
    case 'device_key_taken':
      return new Problem(409, 'device_key_taken', 'This device key belongs to another account, or was revoked.');
    case 'too_many_devices':
      return new Problem(
        422,
        'too_many_devices',
        `An account holds at most ${maxDevices} device keys; revoke one first.`,
      );
  }
}
