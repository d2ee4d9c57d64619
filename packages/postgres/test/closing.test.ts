import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createTestDatabase } from '@dunlin/testkit';
import { expect, it } from 'vitest';

it('a program that awaits close to the end is not ended in the middle of it', async () => {
  const target = await createTestDatabase();
  try {
    const built = new URL('../dist/index.js', import.meta.url).href;
    const program = `
      const { Database } = await import(${JSON.stringify(built)});
      const database = new Database({ connectionString: ${JSON.stringify(target.url)} });
      await database.query('SELECT 1');
      await database.close();
      console.log('closed');`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 50_000,
    });
    expect(stdout).toBe('closed\n');
  } finally {
    await target.close();
  }
});
