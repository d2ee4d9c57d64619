import { statement, type Database } from '@dunlin/postgres';
import { commitAndTell } from './announced-commit.js';
import { everyProductList, type Announcing } from './cached-answers.js';

export interface Product {
  readonly id: bigint;
  readonly name: string;
  readonly priceMinor: bigint;
}

const columns = 'id, name, price_minor AS "priceMinor"';
const page = statement('products_page', `SELECT ${columns} FROM products WHERE id > $1 ORDER BY id LIMIT $2`, {
  readOnly: true,
});
const insert = statement(
  'product_insert',
  `INSERT INTO products (name, price_minor) VALUES ($1, $2) RETURNING ${columns}`,
);

/** What is for sale. */
export class Products {
  constructor(
    private readonly database: Database,
    private readonly cache: Announcing,
  ) {}

  /** Products after the id `after`, at most `limit`, in the order of their ids. */
  async list(after: bigint, limit: number): Promise<readonly Product[]> {
    return (await this.database.query<Product>(page, [after, limit])).rows;
  }

  async add(name: string, priceMinor: bigint): Promise<Product> {
    return commitAndTell(this.database, this.cache, async (tx) => {
      const product = (await tx.query<Product>(insert, [name, priceMinor])).rows[0];
      if (!product) throw new Error('the insert of a product returned no row');
      return { outcome: product, changes: [{ key: everyProductList }] };
    });
  }
}
