import { Type } from 'typebox';
import { Id, Time } from './schemas.js';

/** JSON schemas of users and keys. */
export const Ed25519Jwk = Type.Object(
  { kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Type.String() },
  { title: 'Ed25519PublicKey', description: 'A public key as RFC 8037 writes it' },
);

/** What a client sends. Only the shape is checked here: `parseDeviceJwk` refuses by member, and says more than a schema can. */
export const DeviceKeyIn = Type.Unsafe<unknown>({
  type: 'object',
  properties: { kty: { type: 'string' }, crv: { type: 'string' }, x: { type: 'string' } },
  required: ['kty', 'crv', 'x'],
  description: 'The public Ed25519 key of the device (OKP JWK). Never send the private part.',
  examples: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});

export const RoleSchema = Type.Unsafe<'user' | 'operator'>({ type: 'string', enum: ['user', 'operator'] });

const tokenPair = {
  accessToken: Type.String(),
  expiresIn: Type.Integer({ description: 'Seconds until the access token expires' }),
  refreshToken: Type.String({
    description: 'Good once, for a new pair at `POST /auth/refresh`. Used again, it ends the session',
  }),
};

export const TokenPairSchema = Type.Object(tokenPair, { title: 'TokenPair' });

export const SessionSchema = Type.Object(
  {
    user: Type.Object({ id: Id, email: Type.String(), role: RoleSchema, createdAt: Time }),
    ...tokenPair,
  },
  { title: 'Session' },
);

export const ProfileSchema = Type.Object(
  {
    id: Id,
    email: Type.String(),
    role: RoleSchema,
    isActive: Type.Boolean(),
    createdAt: Time,
    devicePublicKey: Type.Union([Ed25519Jwk, Type.Null()]),
  },
  { title: 'Profile' },
);

export const DeviceKeySchema = Type.Object(
  { id: Type.String({ description: 'RFC 7638 thumbprint' }), jwk: Ed25519Jwk, createdAt: Time },
  { title: 'DeviceKey' },
);

export const StandingSchema = Type.Object(
  {
    id: Id,
    email: Type.String(),
    role: RoleSchema,
    isActive: Type.Boolean(),
    frozenAt: Type.Union([Time, Type.Null()]),
    createdAt: Time,
  },
  { title: 'Standing' },
);

export const PublicKeySchema = Type.Object(
  {
    id: Type.String({ description: 'RFC 7638 thumbprint' }),
    type: Type.Unsafe<'user' | 'issuer'>({ type: 'string', enum: ['user', 'issuer'] }),
    userId: Type.Optional(Id),
    jwk: Ed25519Jwk,
    isActive: Type.Boolean(),
    createdAt: Time,
    revokedAt: Type.Optional(Time),
  },
  { title: 'PublicKey' },
);

export const JwksSchema = Type.Object(
  {
    keys: Type.Array(
      Type.Object({
        kty: Type.String(),
        crv: Type.String(),
        x: Type.String(),
        kid: Type.String(),
        alg: Type.String(),
        use: Type.String(),
      }),
    ),
  },
  { title: 'JWKS' },
);
