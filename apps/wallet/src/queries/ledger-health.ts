import { statement, type MaintenanceRun } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';
import { issuerStripe } from '../ledger/system-accounts.js';
import { reconciliationTask } from './reconciliation-job.js';

/** A transfer that was refused for what its signer did. */
export interface DoubleSpend {
  id: string;
  detectedAt: Date;
  tokenId: string;
  signerKeyId: string;
  code: string;
}

/** How the money stands. Amounts in minor units. */
export interface LedgerHealth {
  asOf: Date;
  /** What the tokens that are out are worth, and what the issuer holds for them; equal in a sound ledger. */
  floatOfTokens: bigint;
  issuerBalance: bigint;
  activeTokens: number;
  /** The last reconciliation; `sound` is false when it found a difference or failed. Null before the first. */
  reconciliation: { at: Date; sound: boolean; detail: string } | null;
  /** The latest fifty. */
  doubleSpends: DoubleSpend[];
}

const issuerStripes = [...'0123456789abcdef'].map((digit) => issuerStripe(digit));

/** Both sums of one snapshot, so that running operations cannot make them differ. Reads the tokens that are out, from the index alone. */
const floatStatement = statement(
  'ledger_float',
  `select coalesce(sum(amount), 0)::bigint as worth, count(*)::int as count,
          (select coalesce(sum(balance), 0) from accounts where id = any ($1::uuid[]))::bigint as issuer
     from tokens where status = 'active'`,
  { readOnly: true },
);

const doubleSpendsStatement = statement(
  'latest_refused_transfers',
  'select id, seen_at, token_id, signer_key_id, code from refused_transfers order by id desc limit 50',
  { readOnly: true },
);

const rememberedMs = 5_000;

/** Reads how the money stands, at most once in five seconds however many ask. */
export class LedgerHealthReader {
  private last: { at: number; health: Promise<LedgerHealth> } | undefined;

  constructor(
    private readonly database: Queryable,
    private readonly maintenanceRuns: () => Promise<MaintenanceRun[]>,
  ) {}

  read(): Promise<LedgerHealth> {
    const now = performance.now();
    if (this.last === undefined || now - this.last.at > rememberedMs) {
      const health = this.load();
      this.last = { at: now, health };
      // A failure is not remembered: the next one who asks may have more luck.
      health.catch(() => (this.last = undefined));
    }
    return this.last.health;
  }

  private async load(): Promise<LedgerHealth> {
    const [float, refused, runs] = await Promise.all([
      this.database.query<{ worth: bigint; count: number; issuer: bigint }>(floatStatement, [issuerStripes]),
      this.database.query<{ id: string; seen_at: Date; token_id: string; signer_key_id: string; code: string }>(
        doubleSpendsStatement,
      ),
      this.maintenanceRuns(),
    ]);
    const { worth, count, issuer } = float.rows[0] ?? { worth: 0n, count: 0, issuer: 0n };
    return {
      asOf: new Date(),
      floatOfTokens: worth,
      issuerBalance: issuer,
      activeTokens: count,
      reconciliation: lastReconciliation(runs),
      doubleSpends: refused.rows.map((row) => ({
        id: row.id,
        detectedAt: row.seen_at,
        tokenId: row.token_id,
        signerKeyId: row.signer_key_id,
        code: row.code,
      })),
    };
  }
}

/** Runs come newest first. Null when none of them reconciled. */
export function lastReconciliation(runs: readonly MaintenanceRun[]): LedgerHealth['reconciliation'] {
  for (const run of runs) {
    const step = run.steps.find(({ task, status }) => task === reconciliationTask && status !== 'skipped');
    if (step === undefined) continue;
    return { at: new Date(run.finishedAt ?? run.startedAt), sound: step.status === 'done', detail: step.detail };
  }
  return null;
}
