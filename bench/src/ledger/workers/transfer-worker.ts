import { randomUUID } from 'node:crypto';
import { Database } from '@dunlin/postgres';
import { Ledger } from '@dunlin/wallet/ledger/ledger';
import type { AmountMinor } from '@dunlin/wallet/ledger/money';
import pg from 'pg';
import { serveWorker } from '../../harness/serve-worker.js';
import { zipfRanks } from '../../harness/zipf.js';
import { yardstickAccounts } from '../yardstick.js';

export interface TransferSettings {
  readonly databaseUrl: string;
  /** Through the wallet's ledger, or five statements from BEGIN to COMMIT on the yardstick's tables. */
  readonly kind: 'ledger' | 'plain';
}

export interface TransferRequest {
  readonly zipf: 0 | 1 | 2;
  readonly inFlight: number;
  readonly forSeconds: number;
}

type Transfer = (sender: number, receiver: number) => Promise<void>;

/** As `npm start` has it. */
const poolSize = 10;
const plainConnections = 32;
const drawn = 1 << 18;

/** Replies with the transfers a second that were committed. */
serveWorker<TransferSettings, TransferRequest>(async ({ databaseUrl, kind }) => {
  const opened = kind === 'ledger' ? await openLedger(databaseUrl) : openPlain(databaseUrl);
  const pairs = new Map<number, Int32Array>();
  return {
    answer: ({ zipf, inFlight, forSeconds }) => {
      const ranks = pairs.get(zipf) ?? zipfRanks(opened.accounts, drawn, 7 + zipf, zipf);
      pairs.set(zipf, ranks);
      return measure(opened.transfer, ranks, inFlight, forSeconds);
    },
    close: opened.close,
  };
});

async function measure(transfer: Transfer, ranks: Int32Array, inFlight: number, forSeconds: number): Promise<number> {
  let at = Math.floor(Math.random() * ranks.length);
  let done = 0;
  const next = (): number => ranks[at++ % ranks.length] as number;
  const beganMs = performance.now();
  const endMs = beganMs + forSeconds * 1_000;
  const one = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sender = next();
      let receiver = next();
      while (receiver === sender) receiver = next();
      await transfer(sender, receiver);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return done / ((performance.now() - beganMs) / 1_000);
}

async function openLedger(connectionString: string) {
  const database = new Database({ connectionString, poolSize, applicationName: 'dunlin-bench' });
  const { rows } = await database.query<{ id: string }>(`select id from accounts where kind = 'user' order by id`);
  const ids = rows.map(({ id }) => id);
  const ledger = new Ledger({
    database,
    currency: 'EUR',
    writer: '',
    afterCommit: () => Promise.resolve(),
    afterUnknownOutcome: () => undefined,
  });
  const requestHash = Buffer.alloc(32, 1);
  const transfer: Transfer = async (sender, receiver) => {
    const outcome = await ledger.execute({
      type: 'online',
      senderId: ids[sender] as string,
      receiverId: ids[receiver] as string,
      amount: 1n as AmountMinor,
      idempotency: { principalId: ids[sender] as string, key: randomUUID(), requestHash },
    });
    if (outcome.kind !== 'completed') throw new Error(`a transfer was refused: ${outcome.code}`);
  };
  return { accounts: ids.length, transfer, close: () => database.close() };
}

function openPlain(connectionString: string) {
  const pool = new pg.Pool({ connectionString, max: plainConnections });
  const transfer: Transfer = async (sender, receiver) => {
    const client = await pool.connect();
    try {
      const [from, to] = [sender + 1, receiver + 1];
      await client.query('begin');
      await client.query({
        name: 'lock',
        text: 'select id from yardstick.accounts where id in ($1, $2) order by id for no key update',
        values: [from, to],
      });
      await client.query({
        name: 'debit',
        text: 'update yardstick.accounts set balance = balance - 1 where id = $1 and balance >= 1',
        values: [from],
      });
      await client.query({
        name: 'credit',
        text: 'update yardstick.accounts set balance = balance + 1 where id = $1',
        values: [to],
      });
      await client.query({
        name: 'note',
        text: 'insert into yardstick.transfers (sender_id, receiver_id, amount) values ($1, $2, 1)',
        values: [from, to],
      });
      await client.query('commit');
    } finally {
      client.release();
    }
  };
  return { accounts: yardstickAccounts, transfer, close: () => pool.end() };
}
