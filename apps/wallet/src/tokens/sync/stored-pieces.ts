import { decodeBase64url, decodeTokenPayload, pieceName, type Thumbprint } from '@dunlin/offline';
import { statement } from '@dunlin/postgres';
import type { Queryable } from '../../ledger/queryable.js';
import type { ReadTransfer } from './read-transfer.js';

/** A device key and whose it is. */
export interface DeviceKey {
  userId: string;
  publicKey: Uint8Array;
}

/** What a transfer can spend: a token of the ledger, as far as it never changes. */
export interface StoredPiece {
  tokenId: string;
  /** The issued token at the head of its chain. */
  chainTokenId: string;
  amountMinor: bigint;
  keyId: Thumbprint | null;
  expiresAtMs: number;
  /** How often devices may still pass it on. */
  hopsLeft: number;
}

/** What the ledger knows of a batch of transfers, as it was when it was read. Nothing in here can change, except that more may come. */
export interface StoredPieces {
  keys: ReadonlyMap<string, DeviceKey>;
  /** Names of transfers that were taken in before. */
  known: ReadonlySet<string>;
  find(transfer: ReadTransfer): StoredPiece | undefined;
}

const keysStatement = statement(
  'sync_keys',
  `select id, user_id as "userId", jwk ->> 'x' as x from public_keys where id = any($1) and type = 'user'`,
  { readOnly: true },
);
const knownStatement = statement('sync_known_transfers', 'select name from transfers where name = any($1)', {
  readOnly: true,
});
const outputsStatement = statement(
  'sync_transfer_outputs',
  `select o.transfer_name as name, o.output, o.hops_left as "hopsLeft", o.chain_token_id as "chainTokenId",
          t.id as "tokenId", t.amount as "amountMinor", t.device_key_id as "keyId", t.expires_at as "expiresAt"
     from transfer_outputs o join tokens t on t.id = o.token_id
    where o.transfer_name = any($1)`,
  { readOnly: true },
);
const issuedStatement = statement(
  'sync_issued_tokens',
  `select id as "tokenId", amount as "amountMinor", device_key_id as "keyId", expires_at as "expiresAt", compact from tokens where id = any($1)`,
  { readOnly: true },
);

interface PieceRow {
  tokenId: string;
  amountMinor: bigint;
  keyId: Thumbprint | null;
  expiresAt: Date;
}
type OutputRow = PieceRow & { name: Buffer; output: number; hopsLeft: number; chainTokenId: string };
type IssuedRow = PieceRow & { compact: string };

/** Four statements for the whole batch. */
export async function readStoredPieces(database: Queryable, transfers: readonly ReadTransfer[]): Promise<StoredPieces> {
  const keyIds = transfers.flatMap(({ jws, fields }) => [jws.keyId, ...fields.outputs.map(({ keyId }) => keyId)]);
  const [keys, known, outputs, issued] = await Promise.all([
    database.query<{ id: string; userId: string; x: string }>(keysStatement, [[...new Set(keyIds)]]),
    database.query<{ name: Buffer }>(knownStatement, [transfers.map(({ name }) => name)]),
    database.query<OutputRow>(outputsStatement, [transfers.map(({ fields }) => Buffer.from(fields.previous))]),
    database.query<IssuedRow>(issuedStatement, [[...new Set(transfers.map(({ fields }) => fields.tokenId))]]),
  ]);
  const pieces = new Map<string, StoredPiece>();
  for (const row of issued.rows) addIssued(pieces, row);
  for (const { name, output, hopsLeft, chainTokenId, ...row } of outputs.rows) {
    pieces.set(pieceKey(name.toString('base64url'), output), { ...asPiece(row), chainTokenId, hopsLeft });
  }
  return {
    keys: new Map(
      keys.rows.map(({ id, userId, x }) => [id, { userId, publicKey: decodeBase64url(x) ?? new Uint8Array() }]),
    ),
    known: new Set(known.rows.map(({ name }) => name.toString('base64url'))),
    find({ previousText, fields }) {
      const piece = pieces.get(pieceKey(previousText, fields.previousOutput));
      return piece?.chainTokenId === fields.tokenId ? piece : undefined;
    },
  };
}

const pieceKey = (name: string, output: number): string => `${name}.${output}`;

/** An issued token is spent by the name of its payload, which is the middle part of what was signed. */
function addIssued(pieces: Map<string, StoredPiece>, row: IssuedRow): void {
  const payload = decodeBase64url(row.compact.split('.')[1] ?? '');
  const fields = payload === undefined ? undefined : decodeTokenPayload(payload);
  if (payload === undefined || fields === undefined) return;
  const name = Buffer.from(pieceName(payload)).toString('base64url');
  pieces.set(pieceKey(name, 0), { ...asPiece(row), chainTokenId: row.tokenId, hopsLeft: fields.maxHops });
}

function asPiece({ tokenId, amountMinor, keyId, expiresAt }: PieceRow): Omit<StoredPiece, 'chainTokenId' | 'hopsLeft'> {
  return { tokenId, amountMinor, keyId, expiresAtMs: expiresAt.getTime() };
}
