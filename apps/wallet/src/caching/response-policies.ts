import {
  publicKeysPolicy,
  transactionHistoryPolicy,
  walletBalancePolicy,
  type PolicyRequest,
  type ResponseCachePolicy,
} from '@dunlin/cache/fastify';
import type { FastifyRequest } from 'fastify';

/** How the wallet's cached answers are kept: the three ready-made policies, private to who asks where money is told. */
export interface ResponsePolicies<Request extends PolicyRequest = FastifyRequest> {
  balance: ResponseCachePolicy<Request>;
  history: ResponseCachePolicy<Request>;
  publicKeys: ResponseCachePolicy<Request>;
}

/** A request ahead of the routes, whose bearer is known. */
export interface LaneRequest extends PolicyRequest {
  readonly principalId: string;
}

/** `principalOf` tells who asks, or undefined for nobody: then nothing private is kept. */
export function responsePolicies<Request extends PolicyRequest = FastifyRequest>(
  principalOf: (request: Request) => string | undefined,
): ResponsePolicies<Request> {
  return {
    balance: walletBalancePolicy({ principalOf }),
    history: transactionHistoryPolicy({ principalOf }),
    publicKeys: { ...publicKeysPolicy<Request>(), cacheControl: 'private, no-cache' },
  };
}
