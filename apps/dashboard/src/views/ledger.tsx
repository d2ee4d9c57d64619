import type { LedgerHealth } from '../figures.js';
import { money, number, perSecond, plain, time } from '../format.js';
import { settings } from '../session.js';
import { Badge } from '../ui/badges.js';
import { DataTable } from '../ui/data-table.js';
import { Empty, Loaded, useFetched } from '../ui/loaded.js';

/** Is the money right: what is out in tokens, what the last reconciliation found, who spent twice. */
export function Ledger() {
  const answer = useFetched<LedgerHealth>(settings.ledger ?? '', 5_000);
  return (
    <Loaded from={answer} what="ledger figures">
      {(health) => (
        <>
          <Float health={health} />
          <Reconciliation health={health} />
          <section class="card">
            <h3>Double spends</h3>
            <DataTable
              caption="Double spends"
              rows={health.doubleSpends}
              keyOf={(row) => row.id}
              sortedBy="Detected"
              empty="None was presented."
              columns={[
                { title: 'Detected', by: (row) => row.detectedAt, cell: (row) => time(row.detectedAt) },
                { title: 'Token', by: (row) => row.tokenId, cell: (row) => <code>{row.tokenId}</code> },
                { title: 'Signed by', by: (row) => row.signer, cell: (row) => <code>{row.signer}</code> },
                { title: 'Why', by: (row) => row.code, cell: (row) => plain(row.code) },
              ]}
            />
          </section>
        </>
      )}
    </Loaded>
  );
}

function Float({ health }: { health: LedgerHealth }) {
  const fits = health.floatOfTokens === health.issuerBalance;
  return (
    <section class="card">
      <div class="head">
        <h2>Ledger</h2>
        <Badge mood={fits ? 'good' : 'bad'}>{fits ? 'float and tokens agree' : 'float and tokens differ'}</Badge>
      </div>
      <dl class="tiles">
        <div class="tile">
          <dt>Tokens that are out</dt>
          <dd class="tile-figure">{money(health.floatOfTokens)}</dd>
          <dd class="tile-note">{number(health.activeTokens)} tokens</dd>
        </div>
        <div class="tile">
          <dt>What the issuer holds for them</dt>
          <dd class="tile-figure">{money(health.issuerBalance)}</dd>
          <dd class="tile-note">{fits ? 'the same, as it must be' : 'this must be the same'}</dd>
        </div>
        <div class="tile">
          <dt>Transfers</dt>
          <dd class="tile-figure">{perSecond(health.transfersPerSecond)}</dd>
          <dd class="tile-note">over the last minute, all instances</dd>
        </div>
      </dl>
    </section>
  );
}

function Reconciliation({ health }: { health: LedgerHealth }) {
  const { reconciliation } = health;
  return (
    <section class="card">
      <h3>Reconciliation</h3>
      {reconciliation === null ? (
        <Empty title="None was run yet.">
          It recomputes every balance from the entries, page by page, with the upkeep.
        </Empty>
      ) : (
        <p>
          <Badge mood={reconciliation.sound ? 'good' : 'bad'}>
            {reconciliation.sound ? 'every balance is right' : 'balances differ'}
          </Badge>{' '}
          {time(reconciliation.at)}: {reconciliation.detail}
        </p>
      )}
    </section>
  );
}
