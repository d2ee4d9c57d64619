import type { Database } from '@dunlin/postgres';
import { recordAudit, unattended } from '../../audit/audit-log.js';
import { findMasterKey, masterKeyFile } from '../../keys/open-master-key.js';
import type { MasterKey } from '../../keys/master-key.js';
import type { TransactionalDatabase } from '../../keys/queryable.js';
import { readIssuerKeys, revokeIssuerKey, rotateIssuerKey, type IssuerKeyState } from '../../keys/rotate-issuer-key.js';
import { issuerKeyRotation } from '../../keys/rotation-times.js';
import { StartError } from '../../process/start-error.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { withDatabase, type WorkPlace } from '../work-place.js';

export async function listKeys(place: WorkPlace, _options: object, say: Terminal): Promise<ExitCode> {
  return withDatabase(place, (database) => tell(database, say, {}));
}

/** Running wallets publish the new key within two seconds and sign with it when the lead is over. */
export async function rotateKey(
  place: WorkPlace,
  options: { lead?: number; reason: string },
  say: Terminal,
): Promise<ExitCode> {
  const masterKey = await masterKeyOf(place);
  const planned = issuerKeyRotation(place.config.tokens);
  const times = { ...planned, leadSeconds: options.lead ?? planned.leadSeconds };
  return withDatabase(place, async (database) => {
    const outcome = await withAudit(database, 'issuer_key.rotate', options.reason, (transaction) =>
      rotateIssuerKey(transaction, masterKey, times),
    );
    if (outcome.kind === 'under_way') {
      say.note(`The key ${outcome.keyId} is published already and has not signed yet; nothing was changed.`);
      await tell(database, say, { changed: false });
      return exitCodes.notNow;
    }
    return tell(database, say, { changed: true, keyId: outcome.keyId, previousKeyId: outcome.previousKeyId });
  });
}

/** Running wallets refuse what the key signed within two seconds. */
export async function revokeKey(
  place: WorkPlace,
  options: { keyId: string; reason: string },
  say: Terminal,
): Promise<ExitCode> {
  const masterKey = await masterKeyOf(place);
  return withDatabase(place, async (database) => {
    const outcome = await withAudit(database, 'issuer_key.revoke', options.reason, (transaction) =>
      revokeIssuerKey(transaction, masterKey, options.keyId),
    );
    switch (outcome.kind) {
      case 'no_key':
        throw new UsageError(
          `There is no issuer key ${options.keyId}; \`dunlin keys list\` tells those that there are.`,
        );
      case 'revoked_before':
        say.note(`The key ${options.keyId} was revoked before; nothing was changed.`);
        return tell(database, say, { changed: false });
      case 'revoked':
        return tell(database, say, { changed: true, keyId: options.keyId, replacement: outcome.replacement ?? null });
    }
  });
}

/** The change and its line in the audit log are one commit; what changes nothing leaves no line. */
async function withAudit<Outcome extends { kind: string }>(
  database: Database,
  action: string,
  reason: string,
  change: (database: TransactionalDatabase) => Promise<Outcome>,
): Promise<Outcome> {
  return database.transaction(async (transaction) => {
    const outcome = await change({
      query: (text, values) => transaction.query(text, values),
      transaction: (work) => work(transaction),
    });
    if (outcome.kind === 'rotated' || outcome.kind === 'revoked') {
      const { kind: _kind, ...keys } = outcome;
      await recordAudit(transaction, {
        action,
        origin: { ...unattended, userAgent: 'dunlin command line' },
        detail: { ...keys, reason },
      });
    }
    return outcome;
  });
}

async function masterKeyOf({ config }: WorkPlace): Promise<MasterKey> {
  const key = await findMasterKey(config.masterKey, config.dataFolder);
  if (key === undefined) {
    throw new StartError(
      `The wallet's master key is wanted: set MASTER_KEY, or see that ${masterKeyFile(config.dataFolder)} is there.`,
    );
  }
  return key;
}

async function tell(database: Database, say: Terminal, change: object): Promise<ExitCode> {
  const keys = await readIssuerKeys(database);
  say.result({ ...change, keys }, () => keys.map(line).join('\n'));
  return exitCodes.fine;
}

function line({ id, state, signsFrom, verifiesUntil }: IssuerKeyState): string {
  const until = verifiesUntil === null ? '' : `, verifies until ${verifiesUntil.toISOString()}`;
  return `${state.padEnd(8)} ${id}  signs from ${signsFrom.toISOString()}${until}`;
}
