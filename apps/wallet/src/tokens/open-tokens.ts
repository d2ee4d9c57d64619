import type { Keyring } from '../keys/keyring.js';
import type { Ledger } from '../ledger/ledger.js';
import { SignatureWorkers } from './signature-workers.js';
import { TransferSync } from './sync/transfer-sync.js';
import type { TokenCommits } from './token-commits.js';
import type { TokenDivisionOptions } from './token-division.js';
import { TokenIssuer } from './token-issuer.js';
import { TokenService } from './token-service.js';

export interface OpenTokensOptions {
  commits: TokenCommits;
  ledger: Ledger;
  keyring: Pick<Keyring, 'issuerKey' | 'issuerKeys'>;
  limits: { ttlSeconds: number; maxAmountMinor: bigint; maxHops: number };
  clock?: { wallMs(): number };
}

/** Everything that deals in offline tokens, over one issuer. */
export interface Tokens {
  tokens: TokenService;
  division: TokenDivisionOptions;
  sync: TransferSync;
  /** Ends the threads that verify and sign. */
  close(): Promise<void>;
}

export function openTokens(options: OpenTokensOptions): Tokens {
  const { commits, ledger, keyring, limits, clock = { wallMs: Date.now } } = options;
  const { database } = commits;
  const { currency } = ledger;
  const issuer = new TokenIssuer({ keyring, currency, maxHops: limits.maxHops });
  const workers = new SignatureWorkers();
  return {
    tokens: new TokenService({ database, ledger, keyring, issuer, clock, ...limits }),
    division: { database, issuer, keyring, clock },
    sync: new TransferSync({ commits, currency, issuer, keyring, workers, clock }),
    close: () => workers.close(),
  };
}
