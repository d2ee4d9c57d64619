import {
  publicKeysPolicy,
  transactionHistoryPolicy,
  walletBalancePolicy,
  type ResponseCachePolicy,
} from '@dunlin/cache/fastify';
import type { FastifyRequest } from 'fastify';

/** How the wallet's cached answers are kept: the three ready-made policies, private to who asks where money is told. */
export interface ResponsePolicies {
  balance: ResponseCachePolicy<FastifyRequest>;
  history: ResponseCachePolicy<FastifyRequest>;
  publicKeys: ResponseCachePolicy<FastifyRequest>;
}

/** `principalOf` tells who asks, or undefined for nobody: then nothing private is kept. */
export function responsePolicies(principalOf: (request: FastifyRequest) => string | undefined): ResponsePolicies {
  return {
    balance: walletBalancePolicy({ principalOf }),
    history: transactionHistoryPolicy({ principalOf }),
    publicKeys: { ...publicKeysPolicy<FastifyRequest>(), cacheControl: 'private, no-cache' },
  };
}
