import type { Logger } from '@dunlin/postgres';
import { loadSigningKeys, unwrapKeyring, type AccessTokenKey, type IssuerKey, type Keyring } from './keyring.js';
import type { VerifyingKey } from './keyring.js';
import type { MasterKey } from './master-key.js';
import type { TransactionalDatabase } from './queryable.js';
import type { SigningKeyRow } from './signing-keys.js';
import { readSigningKeys } from './signing-keys.js';

export interface LiveKeyringOptions {
  database: TransactionalDatabase;
  masterKey: MasterKey;
  logger: Pick<Logger, 'info' | 'warn'>;
  /** How often the keys are looked at, 1 s by default: a rotation or a revocation holds everywhere within two. */
  refreshMs?: number;
}

/**
 * The keyring of a running instance: it follows what operators do to the keys without a restart. One statement of a few rows a second;
 * secrets are unwrapped again only when a row has changed. While the database does not answer, the keys stay as they were: nothing
 * can be bought or redeemed then either.
 */
export class LiveKeyring implements Keyring {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private stopped = false;
  private failing = false;

  private constructor(
    private readonly options: LiveKeyringOptions,
    private keyring: Keyring,
    private fingerprint: string,
  ) {}

  /** @throws KeyringError when the master key is another one than the keys were wrapped with. */
  static async open(options: LiveKeyringOptions): Promise<LiveKeyring> {
    const rows = await loadSigningKeys(options.database, options.masterKey);
    return new LiveKeyring(options, unwrapKeyring(rows, options.masterKey), fingerprintOf(rows));
  }

  get accessTokenKey(): AccessTokenKey {
    return this.keyring.accessTokenKey;
  }

  get accessTokenKeys(): readonly AccessTokenKey[] {
    return this.keyring.accessTokenKeys;
  }

  get issuerKey(): IssuerKey {
    return this.keyring.issuerKey;
  }

  get issuerKeys(): ReadonlyMap<string, VerifyingKey> {
    return this.keyring.issuerKeys;
  }

  /** Begins to follow; until then the keys are those of `open`. */
  start(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.refresh().finally(() => this.start());
    }, this.options.refreshMs ?? 1_000);
    this.timer.unref();
  }

  /** Looks at once; rejects never. */
  async refresh(): Promise<void> {
    const { database, masterKey, logger } = this.options;
    try {
      const rows = await readSigningKeys(database);
      const fingerprint = fingerprintOf(rows);
      if (fingerprint !== this.fingerprint) {
        this.keyring = unwrapKeyring(rows, masterKey);
        this.fingerprint = fingerprint;
        logger.info({ issuerKeyId: this.keyring.issuerKey.id }, 'the signing keys have changed');
      }
      this.failing = false;
    } catch (error) {
      // Once, not every second: whoever reads the log knows from the database's own lines how long it lasts.
      if (!this.failing) logger.warn({ err: error }, 'the signing keys could not be read; they stay as they were');
      this.failing = true;
    }
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }
}

function fingerprintOf(rows: readonly SigningKeyRow[]): string {
  return JSON.stringify(rows.map(({ id, signs, retired, notAfter }) => [id, signs, retired, notAfter]));
}
