import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packs one library as `npm publish` would, its build included, and unpacks the tarball to be looked into. */
export function packLibrary(root, name, scratch) {
  const folder = join(root, 'packages', name);
  const out = join(scratch, 'tarballs', name);
  mkdirSync(out, { recursive: true });
  execFileSync('npm', ['pack', '--pack-destination', out, '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 2],
  });
  const tarball = join(
    out,
    readdirSync(out).find((file) => file.endsWith('.tgz')),
  );
  execFileSync('tar', ['-xzf', tarball, '-C', out]);
  return { name, tarball, folder: join(out, 'package') };
}

/** What has no business in a package, or is missing from it; an empty list is what is wanted. */
export function contentProblems(root, { name, folder }) {
  const problems = [];
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (manifest.private === true) problems.push('package.json says that it is private');
  for (const wanted of ['LICENSE', 'README.md']) if (!files.includes(wanted)) problems.push(`${wanted} is missing`);
  if (name === 'monitoring' && !files.includes('page/index.html')) problems.push('the page is missing');
  for (const [entry, targets] of Object.entries(manifest.exports)) {
    for (const [condition, target] of Object.entries(targets)) {
      if (!existsSync(join(folder, target)))
        problems.push(`the export ${entry} names ${target} (${condition}), which is missing`);
    }
  }
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (dependency.startsWith('@dunlin/')) problems.push(`it depends on ${dependency}`);
  }
  const compiled = files.filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file));
  for (const file of compiled) {
    const source = file.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)$/, '.ts');
    if (!files.includes(source)) problems.push(`${file} has no source (${source})`);
  }
  for (const file of files) {
    if (/(^|\/)(test|tests)\/|\.test\.|\.spec\.|\.tsbuildinfo$|(^|\/)\.env|\.tgz$/.test(file))
      problems.push(`${file} does not belong there`);
    else if (readFileSync(join(folder, file)).includes(root)) problems.push(`${file} names a path of this machine`);
  }
  return problems;
}
