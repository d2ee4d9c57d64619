import type { Database } from '@dunlin/postgres';
import { v7 as uuidv7 } from 'uuid';

/** A user with an address of its own, a password that nobody has, and no ledger account. */
export async function insertUser(database: Database): Promise<string> {
  const id = uuidv7();
  await database.query(`insert into users (id, email, password_hash) values ($1, $2, 'none')`, [
    id,
    `${id}@example.test`,
  ]);
  return id;
}
