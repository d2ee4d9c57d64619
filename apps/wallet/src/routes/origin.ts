import { isIP } from 'node:net';
import { currentRequest } from '@dunlin/monitoring';
import type { FastifyRequest } from 'fastify';
import type { Origin } from '../ledger/operation.js';

/**
 * The address that a request came from, as TRUST_PROXY lets it be told; null where there is none (a socket in the file system). What a
 * proxy's header holds is only believed when it is an address: anything else falls back to the connection's own.
 */
export function clientAddress(request: FastifyRequest): string | null {
  const told = withoutZone(request.ip);
  if (isIP(told) !== 0) return unmapped(told);
  const connected = withoutZone(request.socket.remoteAddress ?? '');
  return isIP(connected) === 0 ? null : unmapped(connected);
}

/** Who asks, from where, and under which correlation id; for the audit log. */
export function originOf(request: FastifyRequest, actorId: string | null): Origin {
  return { actorId, address: clientAddress(request), correlationId: currentRequest()?.correlationId ?? null };
}

const withoutZone = (address: string | undefined): string => (address ?? '').split('%', 1)[0] ?? '';

/** An IPv4 client of a socket that listens on IPv6 is the same client. */
const unmapped = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
