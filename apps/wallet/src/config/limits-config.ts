import { isIP } from 'node:net';
import type { Environment } from './environment.js';

/** Which proxies are believed about the client's address: none, so many in front, or those at these addresses. */
export type TrustedProxies = false | number | readonly string[];

export interface LimitsConfig {
  readonly trustProxy: TrustedProxies;
  /** The largest body of any route that sets no bound of its own. */
  readonly maxBodyBytes: number;
  /** How long a client may take to send its headers, its whole request, and to take an answer that waits to leave. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly responseTimeoutMs: number;
  /** Past either, new requests are turned away; 0 turns the bound off. */
  readonly maxInFlight: number;
  readonly maxEventLoopDelayMs: number;
}

const ms = { min: 100, max: 3_600_000, unit: 'ms' };
const namedNetworks = ['loopback', 'linklocal', 'uniquelocal'];

/** How much anybody may ask of the service at once, and how slowly. */
export function readLimits(environment: Environment): LimitsConfig {
  return {
    trustProxy: readTrustedProxies(environment),
    maxBodyBytes: environment.integer('MAX_BODY_BYTES', { min: 16_384, max: 16_777_216, unit: 'bytes' }) ?? 262_144,
    headersTimeoutMs: environment.integer('HEADERS_TIMEOUT_MS', ms) ?? 10_000,
    requestTimeoutMs: environment.integer('REQUEST_TIMEOUT_MS', ms) ?? 30_000,
    responseTimeoutMs: environment.integer('RESPONSE_TIMEOUT_MS', ms) ?? 30_000,
    maxInFlight:
      environment.integer('MAX_IN_FLIGHT', { min: 0, max: 1_000_000, unit: 'requests; 0 turns it off' }) ?? 2_000,
    maxEventLoopDelayMs:
      environment.integer('MAX_EVENT_LOOP_DELAY_MS', { min: 0, max: 60_000, unit: 'ms; 0 turns it off' }) ?? 500,
  };
}

/** `off`, a number of proxies, or a list of addresses and networks. "Everybody" cannot be said: a client could then be anybody. */
function readTrustedProxies(environment: Environment): TrustedProxies {
  const described =
    'off, how many proxies stand in front (1 to 10), or their addresses and networks, such as 10.0.0.0/8,loopback';
  const value = environment.text('TRUST_PROXY', { pattern: /^[^\0]+$/, described });
  if (value === undefined || value === 'off') return false;
  if (/^([1-9]|10)$/.test(value)) return Number(value);
  const networks = value.split(',').map((one) => one.trim());
  if (networks.every((one) => namedNetworks.includes(one) || isNetwork(one))) return networks;
  environment.refuse('TRUST_PROXY', JSON.stringify(value), described);
  return false;
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128);
}
