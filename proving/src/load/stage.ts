import { setStage } from '@dunlin/wallet/demo/stage';
import { reconcile } from '@dunlin/wallet/ledger/reconciliation';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import { ProvingError } from '../proving-error.js';

/** The wallet that is driven. */
export interface LoadStage {
  readonly url: string;
  readonly operator: { readonly email: string; readonly password: string };
  /** Looks into the ledger itself, where it can be reached: only of a wallet of the run's own. */
  checkLedger(verdict: Verdict): Promise<void>;
  close(): Promise<void>;
}

/** Starts a wallet as `npm start` would, or takes the one that runs. Whoever calls this closes it. */
export async function openStage(url: string | undefined, environment: NodeJS.ProcessEnv): Promise<LoadStage> {
  if (url !== undefined) return runningWallet(url, environment);
  const stage = await setStage(undefined, environment);
  try {
    const { operator } = stage.config;
    if (operator.password === undefined) throw new ProvingError('the stage gives its wallet no operator password');
    return {
      url: await stage.wallet(),
      operator: { email: operator.email, password: operator.password },
      async checkLedger(verdict) {
        const { sum, issuerFloat, tokensOut, discrepancies } = await reconcile(stage.database);
        verdict.expect(sum === 0n, 1, () => `all balances sum to ${sum}, not to 0`);
        verdict.expect(
          issuerFloat === tokensOut,
          1,
          () => `the issuer holds ${issuerFloat}, the tokens out are worth ${tokensOut}`,
        );
        for (const { check, accountId, found, expected } of discrepancies)
          verdict.fail(1, `${check} of ${accountId ?? 'the ledger'}: ${found} instead of ${expected}`);
      },
      close: () => stage.close(),
    };
  } catch (error) {
    await stage.close();
    throw error;
  }
}

function runningWallet(url: string, environment: NodeJS.ProcessEnv): LoadStage {
  const password = environment['OPERATOR_PASSWORD'];
  if (password === undefined || password === '')
    throw new ProvingError('Give the generator the OPERATOR_EMAIL and OPERATOR_PASSWORD of the wallet.');
  return {
    url,
    operator: { email: environment['OPERATOR_EMAIL'] ?? 'operator@localhost', password },
    checkLedger: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
