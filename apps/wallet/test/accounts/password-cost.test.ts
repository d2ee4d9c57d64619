import pg from 'pg';
import { expect, test } from 'vitest';
import { startApp, userPassword } from '../support/app.js';

test('what a password costs and how long an access token lives come from the environment; stored hashes follow at a login', async () => {
  const dear = await startApp();
  const probe = new pg.Client({ connectionString: dear.database.url });
  await probe.connect();
  const costOf = async (email: string): Promise<string | undefined> => {
    const { rows } = await probe.query<{ password_hash: string }>('select password_hash from users where email = $1', [
      email,
    ]);
    return /^\$argon2id\$v=\d+\$([^$]+)\$/.exec(rows[0]?.password_hash ?? '')?.[1];
  };
  try {
    const before = await dear.newUser();
    expect(await costOf(before.email)).toBe('m=19456,t=2,p=1');
    const cheap = await startApp({
      database: dear.database,
      environment: {
        ...dear.environment,
        PASSWORD_HASH_MEMORY_KIB: '7168',
        PASSWORD_HASH_PASSES: '5',
        ACCESS_TOKEN_TTL_SECONDS: '120',
      },
    });
    try {
      const after = await cheap.newUser();
      expect(await costOf(after.email)).toBe('m=7168,t=5,p=1');
      const { session } = await cheap.http.signIn(before.email, userPassword);
      expect(await costOf(before.email)).toBe('m=7168,t=5,p=1');
      const claims = JSON.parse(Buffer.from(session.accessToken.split('.')[1] ?? '', 'base64url').toString()) as {
        iat: number;
        exp: number;
      };
      expect([session.expiresIn, claims.exp - claims.iat]).toEqual([120, 120]);
    } finally {
      await cheap.close();
    }
  } finally {
    await probe.end();
    await dear.close();
  }
});
