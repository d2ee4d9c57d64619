import { randomBytes } from 'node:crypto';

/** With or without cache-manager's memory tier before Redis. */
export type CacheTiers = 'redis' | 'memory-and-redis';

export interface Environment {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly jwtSecret: string;
  readonly cacheTiers: CacheTiers;
  readonly poolSize: number;
  readonly port: number;
}

/** @throws Error that names the variable which is missing or cannot be used. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const needed = (name: string): string => {
    const value = variables[name];
    if (value === undefined || value === '') throw new Error(`${name} is not set`);
    return value;
  };
  const cacheTiers = variables['CACHE_TIERS'] ?? 'redis';
  if (cacheTiers !== 'redis' && cacheTiers !== 'memory-and-redis')
    throw new Error(`CACHE_TIERS: ${cacheTiers} was given, allowed are redis and memory-and-redis`);
  return {
    databaseUrl: needed('DATABASE_URL'),
    redisUrl: needed('REDIS_URL'),
    jwtSecret: variables['JWT_SECRET'] ?? randomBytes(32).toString('hex'),
    cacheTiers,
    poolSize: Number(variables['DB_POOL_SIZE'] ?? 10),
    port: Number(variables['PORT'] ?? 3000),
  };
}
