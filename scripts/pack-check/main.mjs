// `npm run pack:check`: packs each library, looks into the tarballs, has them judged, and uses them in empty projects outside the clone,
// with a real PostgreSQL and a real Redis. Says what it did, a line each, and ends with code 1 if anything was not in order.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestPostgres, startTestRedis } from '@dunlin/testkit';
import { ROOT } from '../prepare/prepare.mjs';
import { judge } from './judges.mjs';
import { contentProblems, packLibrary } from './pack.mjs';
import { tryAsStranger, versionOf } from './stranger.mjs';

const LIBRARIES = ['cache', 'postgres', 'monitoring', 'offline'];
/** Names of programs on the command line: those alone are tried out. */
const asked = process.argv.slice(2);
const tools = ['typescript', '@types/node'].map((name) => versionOf(ROOT, name));
const frameworks = ['fastify', 'express', '@types/express'].map((name) => versionOf(ROOT, name));

let failed = 0;
const report = (what, problems) => {
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'}  ${what}`);
  for (const problem of problems) console.log(`        ${problem}`);
  if (problems.length > 0) failed += 1;
};

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'dunlin-pack-')));
let postgres;
let redis;
try {
  const packed = LIBRARIES.map((name) => packLibrary(ROOT, name, scratch));
  for (const library of packed) report(`${library.name}: what is in the tarball`, contentProblems(ROOT, library));
  for (const library of packed) report(`${library.name}: publint and arethetypeswrong`, await judge(library));
  postgres = await startTestPostgres();
  redis = await startTestRedis();
  const environment = { DATABASE_URL: postgres.url, REDIS_URL: redis.url };
  const tryOut = (name, packages) => {
    if (asked.length > 0 && !asked.includes(name)) return;
    report(
      `${name}: installs, compiles and runs in an empty project`,
      tryAsStranger({
        folder: join(scratch, 'strangers', name),
        packages: [...packages, ...tools],
        program: join(ROOT, 'scripts', 'pack-check', 'programs', `${name}.ts`),
        environment,
      }),
    );
  };
  // Each alone, with no framework near: what is optional must not be needed.
  for (const { name, tarball } of packed) tryOut(name, [tarball]);
  tryOut('frameworks', [...packed.map(({ tarball }) => tarball), ...frameworks]);
} finally {
  await redis?.stop();
  await postgres?.stop();
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
