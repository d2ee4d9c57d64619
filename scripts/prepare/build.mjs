import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { PrepareError } from './prepare-error.mjs';

const PAGE_SOURCES = join('apps', 'dashboard');
const stamp = (root) => join(root, '.cache', 'build-stamp');

/** True when the build was made from exactly these sources. Reads them all, which takes some 20 ms. */
export function isBuilt(root) {
  if (outputs(root).some((file) => !existsSync(file))) return false;
  return existsSync(stamp(root)) && readFileSync(stamp(root), 'utf8') === fingerprint(root);
}

/** Compiles every workspace that is out of date. */
export function build(root) {
  console.error('Building.');
  const before = fingerprint(root);
  removeOrphans(root);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  // The compiler trusts its own notes; when what they speak of is gone, it must be told to begin again.
  const force = outputs(root).some((file) => !existsSync(file)) ? ['--force'] : [];
  const outcome = spawnSync(process.execPath, [compiler, '-b', ...force], { cwd: root, stdio: ['ignore', 2, 2] });
  if (outcome.status !== 0) throw new PrepareError('The build failed; the compiler says why above.');
  buildPage(root);
  mkdirSync(dirname(stamp(root)), { recursive: true });
  // What was read before the compiler ran: a source that was saved meanwhile makes the next start build again.
  writeFileSync(stamp(root), before);
}

/** Compiles one library, and the page that lies in it where it is the one that serves the page. */
export function buildLibrary(root, folder, { page }) {
  removeOrphans(root, [folder]);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const outcome = spawnSync(process.execPath, [compiler, '-b', folder], { cwd: root, stdio: ['ignore', 2, 2] });
  if (outcome.status !== 0) throw new PrepareError('The build failed; the compiler says why above.');
  if (page) buildPage(root);
}

/** The web page, bundled into the library that serves it. */
function buildPage(root) {
  const bundler = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const folder = join(root, PAGE_SOURCES);
  const args = [bundler, 'build', '--logLevel', 'warn'];
  const outcome = spawnSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 2, 2] });
  if (outcome.status !== 0) throw new PrepareError('The page could not be bundled; the bundler says why above.');
}

/** Workspaces that the compiler builds; the page, which runs in browsers, has a bundler of its own. */
function workspaces(root) {
  return ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent), { withFileTypes: true })
      .map((entry) => join(root, parent, entry.name))
      .filter((folder) => existsSync(join(folder, 'tsconfig.json')) && folder !== join(root, PAGE_SOURCES)),
  );
}

/** One file for each workspace that is there when it has been built. */
function outputs(root) {
  const compiled = workspaces(root).map((folder) =>
    folder.includes(`${sep}apps${sep}`) ? join(folder, 'dist', 'src', 'main.js') : join(folder, 'dist', 'index.js'),
  );
  return [...compiled, join(root, 'packages', 'monitoring', 'page', 'index.html')];
}

function sources(folder) {
  return ['src', 'migrations']
    .filter((name) => existsSync(join(folder, name)))
    .flatMap((name) => readdirSync(join(folder, name), { recursive: true }).map((file) => join(folder, name, file)))
    .filter((file) => file.endsWith('.ts'));
}

function pageSources(root) {
  const folder = join(root, PAGE_SOURCES);
  const own = ['index.html', 'package.json', 'vite.config.ts', 'recorded-backend.ts'].map((name) => join(folder, name));
  const inner = readdirSync(join(folder, 'src'), { recursive: true, withFileTypes: true });
  return [...own, ...inner.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))];
}

function fingerprint(root) {
  const settings = ['tsconfig.base.json', 'tsconfig.json', 'package-lock.json'].map((name) => join(root, name));
  const files = workspaces(root).flatMap((folder) => [
    join(folder, 'tsconfig.json'),
    join(folder, 'package.json'),
    ...sources(folder),
  ]);
  const hash = createHash('sha256');
  for (const file of [...settings, ...files, ...pageSources(root)].sort()) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** The compiler leaves the output of a source that is gone; a migration that was renamed would then run twice. */
function removeOrphans(root, folders = workspaces(root)) {
  for (const folder of folders) {
    const dist = join(folder, 'dist');
    if (!existsSync(dist)) continue;
    const isApp = folder.includes(`${sep}apps${sep}`);
    const from = isApp ? folder : join(folder, 'src');
    const known = new Set(sources(folder).map((file) => relative(from, file).replace(/\.ts$/, '')));
    for (const file of readdirSync(dist, { recursive: true })) {
      const stem = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(file)?.[1];
      if (stem !== undefined && !known.has(stem)) rmSync(join(dist, file), { force: true });
    }
  }
}
