import { createSecretKey } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import jwt from 'jsonwebtoken';
import { Refusal } from './refusal.js';

export const issuer = 'mainstream';

/** Checks the access token and keeps whose it is in `response.locals`. */
export function authenticate(secret: string): RequestHandler {
  // Given a string, jsonwebtoken would try it as a public key first, with every request: a third of a millisecond.
  const key = createSecretKey(Buffer.from(secret));
  return (request, response, next) => {
    const header = request.headers.authorization;
    if (header === undefined || !header.startsWith('Bearer '))
      throw new Refusal(401, 'unauthorized', 'no access token');
    try {
      const claims = jwt.verify(header.slice(7), key, { algorithms: ['HS256'], issuer, audience: issuer });
      response.locals['userId'] = claims.sub;
    } catch {
      throw new Refusal(401, 'unauthorized', 'the access token is expired or not valid');
    }
    next();
  };
}

export const userIdOf = (response: Response): string => response.locals['userId'] as string;

/** An access token as the login would give it. */
export function issueToken(secret: string, userId: string, lifetimeSeconds: number): string {
  return jwt.sign({ role: 'user' }, secret, {
    algorithm: 'HS256',
    subject: userId,
    issuer,
    audience: issuer,
    expiresIn: lifetimeSeconds,
  });
}
