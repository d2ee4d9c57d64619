import { DEFAULT_POOL_SIZE, type Config } from '../config/config.js';

/** What the room is read from; a `pg.Client` will do. */
interface RoomSource {
  query(text: string): Promise<{ rows: { most: number; taken: number }[] }>;
}

/** How many connections the server gives to this role and database, and how many others have now. */
export interface ConnectionRoom {
  readonly most: number;
  readonly taken: number;
}

/** Beside its pool an instance has two for the cache's lease, one that listens, and one now and then (migrations, the locks of the upkeep). */
const BESIDE_THE_POOL = 4;
const SMALLEST_POOL = 2;

const ROOM = `
  select least(
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
             - coalesce(current_setting('reserved_connections', true)::int, 0),
           nullif((select rolconnlimit from pg_roles where rolname = current_user), -1),
           nullif((select datconnlimit from pg_database where datname = current_database()), -1)) as most,
         (select count(*)::int from pg_stat_activity
           where backend_type = 'client backend' and pid <> pg_backend_pid()) as taken`;

/** Reads the room; one statement. */
export async function readConnectionRoom(database: RoomSource): Promise<ConnectionRoom> {
  const { rows } = await database.query(ROOM);
  return rows[0] as ConnectionRoom;
}

type PoolConfig = { readonly pool: Pick<Config['pool'], 'size'> } & Pick<Config, 'database'>;

/** The pool that each of several instances may have, and what whoever starts them should know. */
export interface PoolPlan {
  readonly poolSize: number;
  readonly remark?: string;
}

/**
 * Fits the pools of `instances` processes into the room. The default size is lowered until all fit, to two at the least; one that somebody
 * chose stays, and is only remarked upon. A renewal runs one more instance for a while.
 */
export function planPool(
  { pool: { size }, database }: PoolConfig,
  instances: number,
  { most, taken }: ConnectionRoom,
): PoolPlan {
  // A pooler has connections of its own, and hands them on to whoever needs one.
  if (database.kind === 'server' && database.directConnectionString !== undefined) return { poolSize: size };
  const atOnce = instances === 1 ? 1 : instances + 1;
  const free = most - taken;
  const needed = atOnce * (size + BESIDE_THE_POOL);
  if (needed <= free) return { poolSize: size };
  const fitting = Math.max(SMALLEST_POOL, Math.floor(free / atOnce) - BESIDE_THE_POOL);
  const room = `PostgreSQL has ${free} connections left for this wallet (of ${most}, ${taken} of them taken)`;
  const wanted = `${atOnce === 1 ? 'it' : `${instances} workers, and one more during a renewal,`} may want ${needed}`;
  if (size !== DEFAULT_POOL_SIZE || atOnce === 1 || fitting >= size) {
    const advice = `Set DB_POOL_SIZE to ${fitting} or less, or raise max_connections.`;
    return { poolSize: size, remark: `${room}; ${wanted}, with DB_POOL_SIZE at ${size}. ${advice}` };
  }
  return { poolSize: fitting, remark: `${room}; ${wanted}: each gets a pool of ${fitting} rather than ${size}.` };
}
