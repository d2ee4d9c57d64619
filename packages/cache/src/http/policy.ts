import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { KeyClass } from '../key-class.js';
import { remembered } from './remembered.js';

/** What a policy sees of a request; those of Fastify and of Express both fit. */
export interface PolicyRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly originalUrl: string;
  readonly headers: IncomingHttpHeaders;
}

/** How the answers of a route are kept. */
export interface ResponseCachePolicy<Request extends PolicyRequest> {
  /** Name of a key class of the service: its ttl, its strictness. */
  readonly className: string;
  /** The key of this request's answer; undefined: this request goes past the cache. Whatever the answer depends on must be in it. */
  readonly keyOf: (request: Request) => string | undefined;
  readonly tagsOf?: (request: Request) => readonly string[];
  /** Request fields that the answer depends on besides; they become part of the key. An answer whose `Vary` names others is not kept. */
  readonly vary?: readonly string[];
  /** What clients are told, unless the handler says otherwise. */
  readonly cacheControl: string;
  /** Larger bodies pass through. Default 262144. */
  readonly maxBodyBytes?: number;
}

export interface PrincipalOptions<Request> {
  /** Who asks, after authentication; undefined: nobody known, and then nothing is cached. */
  readonly principalOf: (request: Request) => string | undefined;
}

/** Class names of the ready-made policies. */
export const readyMadeClassNames = {
  publicKeys: 'public-keys',
  walletBalance: 'wallet-balance',
  transactionHistory: 'transaction-history',
} as const;

export interface ReadyMadeTtls {
  /** Default 3600. */
  readonly publicKeysSeconds?: number;
  /** Default 60. */
  readonly walletBalanceSeconds?: number;
  /** Default 300. */
  readonly transactionHistorySeconds?: number;
}

/** The key classes that the ready-made policies use, for `CacheServiceOptions.classes`. Balances are strict. */
export function readyMadeClasses(ttls: ReadyMadeTtls = {}): KeyClass[] {
  return [
    {
      name: readyMadeClassNames.publicKeys,
      pattern: 'public-keys:{query}',
      ttlSeconds: ttls.publicKeysSeconds ?? 3_600,
      jitter: 0.1,
    },
    {
      name: readyMadeClassNames.walletBalance,
      pattern: 'user:{id}:balance',
      ttlSeconds: ttls.walletBalanceSeconds ?? 60,
      strict: true,
    },
    {
      name: readyMadeClassNames.transactionHistory,
      pattern: 'user:{id}:history:{query}',
      ttlSeconds: ttls.transactionHistorySeconds ?? 300,
      jitter: 0.1,
    },
  ];
}

/** Answers that are the same for everybody, an hour: `public-keys:<path and query>`. */
export function publicKeysPolicy<Request extends PolicyRequest>(
  options: { tagsOf?: (request: Request) => readonly string[] } = {},
): ResponseCachePolicy<Request> {
  const keyOfUrl = remembered((url) => `public-keys:${urlPart(pathOf(url))}:${canonicalQueryOf(url)}`);
  return {
    className: readyMadeClassNames.publicKeys,
    keyOf: (request) => keyOfUrl(request.originalUrl),
    cacheControl: 'public, no-cache',
    ...(options.tagsOf ? { tagsOf: options.tagsOf } : {}),
  };
}

/** One principal's balance, a minute, strict: `user:<principal>:balance`. */
export function walletBalancePolicy<Request extends PolicyRequest>(
  options: PrincipalOptions<Request>,
): ResponseCachePolicy<Request> {
  return {
    className: readyMadeClassNames.walletBalance,
    keyOf: (request) => ownedBy(options.principalOf(request), 'balance'),
    cacheControl: 'private, no-cache',
  };
}

/** One principal's history, five minutes: `user:<principal>:history:<query>`; removed by the pattern `user:<principal>:history:*`. */
export function transactionHistoryPolicy<Request extends PolicyRequest>(
  options: PrincipalOptions<Request>,
): ResponseCachePolicy<Request> {
  const queryOfUrl = remembered(canonicalQueryOf);
  return {
    className: readyMadeClassNames.transactionHistory,
    keyOf: (request) => ownedBy(options.principalOf(request), `history:${queryOfUrl(request.originalUrl)}`),
    cacheControl: 'private, no-cache',
  };
}

/** `user:<principal>:<rest>`, or undefined without a principal. */
export function ownedBy(principal: string | undefined, rest: string): string | undefined {
  return principal ? `user:${urlPart(principal)}:${rest}` : undefined;
}

/** The query with its parameters in a fixed order, free of colons and stars; long ones by their hash. `-` when there is none. */
export function canonicalQuery(request: PolicyRequest): string {
  return canonicalQueryOf(request.originalUrl);
}

function canonicalQueryOf(url: string): string {
  const at = url.indexOf('?');
  if (at < 0 || at === url.length - 1) return '-';
  const parameters = new URLSearchParams(url.slice(at + 1));
  parameters.sort();
  const text = parameters.toString().replaceAll('*', '%2A') || '-';
  return text.length <= 400 ? text : `sha256-${createHash('sha256').update(text).digest('hex')}`;
}

function pathOf(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? url : url.slice(0, at);
}

/** What stands for itself in a URL; an id mostly does. */
const plainPart = /^[A-Za-z0-9_.-]{1,200}$/;

function urlPart(text: string): string {
  if (plainPart.test(text)) return text;
  const encoded = encodeURIComponent(text).replaceAll('*', '%2A');
  return encoded.length <= 200 ? encoded : `sha256-${createHash('sha256').update(text).digest('hex')}`;
}
