import { createHash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Knex } from 'knex';
import { v7 as uuidv7, validate as isUuid } from 'uuid';
import { userIdOf } from '../authenticate.js';
import type { OpenedCache } from '../cache.js';
import type { Metrics } from '../metrics.js';
import { Refusal } from '../refusal.js';
import { presentTransaction, type PresentedTransaction, type TransactionRow } from './transaction.js';

interface Transfer {
  readonly senderId: string;
  readonly receiverId: string;
  readonly amount: bigint;
  readonly note: string | null;
  readonly key: string;
  readonly fingerprint: string;
}

interface Answer {
  readonly replayed: boolean;
  readonly transaction: PresentedTransaction;
}

interface KeyRow {
  readonly fingerprint: string;
  readonly response: PresentedTransaction;
}

export function transferRoute(database: Knex, cache: OpenedCache, metrics: Metrics): RequestHandler {
  return async (request, response) => {
    const transfer = readTransfer(request, userIdOf(response));
    const { replayed, transaction } = await execute(database, transfer);
    if (!replayed) await cache.forget([transfer.senderId, transfer.receiverId]);
    metrics.transfers.inc({ outcome: replayed ? 'replayed' : 'completed' });
    if (replayed) response.set('Idempotent-Replayed', 'true');
    response.status(201).json(transaction);
  };
}

/** One transaction; the rows are locked in the order of their ids, so two transfers the opposite way cannot deadlock. */
function execute(database: Knex, transfer: Transfer): Promise<Answer> {
  const { senderId, receiverId, amount } = transfer;
  return database.transaction(async (transaction) => {
    const claimed = await transaction('idempotency_keys')
      .insert({ user_id: senderId, key: transfer.key, fingerprint: transfer.fingerprint })
      .onConflict(['user_id', 'key'])
      .ignore()
      .returning('key');
    if (claimed.length === 0) return replay(transaction, transfer);
    const wallets: { user_id: string; balance: string; held: string; currency: string }[] = await transaction('wallets')
      .whereIn('user_id', [senderId, receiverId])
      .orderBy('user_id')
      .forUpdate()
      .select('user_id', 'balance', 'held', 'currency');
    const sender = wallets.find((wallet) => wallet.user_id === senderId);
    if (sender === undefined || wallets.length < 2)
      throw new Refusal(422, 'receiver_not_found', 'there is no such account');
    if (BigInt(sender.balance) - BigInt(sender.held) < amount)
      throw new Refusal(422, 'insufficient_funds', 'the balance is too low');
    const touched = { version: transaction.raw('version + 1'), updated_at: transaction.fn.now() };
    const text = String(amount);
    await transaction('wallets')
      .where({ user_id: senderId })
      .update({ ...touched, balance: transaction.raw('balance - ?', [text]) });
    await transaction('wallets')
      .where({ user_id: receiverId })
      .update({ ...touched, balance: transaction.raw('balance + ?', [text]) });
    const now = new Date();
    const [row] = await transaction<TransactionRow>('transactions')
      .insert({
        id: uuidv7(),
        type: 'online',
        status: 'completed',
        sender_id: senderId,
        receiver_id: receiverId,
        amount: text,
        currency: sender.currency,
        note: transfer.note,
        created_at: now,
        completed_at: now,
      })
      .returning('*');
    const presented = presentTransaction(row as TransactionRow);
    await transaction('idempotency_keys')
      .where({ user_id: senderId, key: transfer.key })
      .update({ response: JSON.stringify(presented) });
    return { replayed: false, transaction: presented };
  });
}

/** The insert above waited for whoever held the key, so what stands there now is committed. */
async function replay(transaction: Knex.Transaction, { senderId, key, fingerprint }: Transfer): Promise<Answer> {
  const kept: KeyRow | undefined = await transaction('idempotency_keys')
    .where({ user_id: senderId, key })
    .first('fingerprint', 'response');
  if (kept === undefined || kept.fingerprint !== fingerprint)
    throw new Refusal(422, 'idempotency_key_reused', 'the key was used for another request');
  return { replayed: true, transaction: kept.response };
}

function readTransfer(request: Request, senderId: string): Transfer {
  const key = request.get('Idempotency-Key');
  if (key === undefined) throw new Refusal(400, 'idempotency_key_required', 'Idempotency-Key is missing');
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw new Refusal(400, 'invalid_request', 'Idempotency-Key is malformed');
  const { receiverId, amount, note = null } = (request.body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof receiverId !== 'string' || !isUuid(receiverId))
    throw new Refusal(400, 'invalid_request', 'receiverId is no UUID');
  if (typeof amount !== 'string' || !/^[1-9]\d{0,17}$/.test(amount))
    throw new Refusal(400, 'invalid_request', 'amount is no positive integer of minor units');
  if (note !== null && (typeof note !== 'string' || note.length > 500))
    throw new Refusal(400, 'invalid_request', 'note is no text of at most 500 characters');
  if (receiverId.toLowerCase() === senderId)
    throw new Refusal(422, 'same_account', 'sender and receiver are the same account');
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([receiverId.toLowerCase(), amount, note]))
    .digest('hex');
  return { senderId, receiverId: receiverId.toLowerCase(), amount: BigInt(amount), note, key, fingerprint };
}
