// `npm run sbom [-- <file>]`: what the wallet is made of at run time, as a CycloneDX 1.5 document, on standard output or into a file. It is
// made from package-lock.json alone, so the same lock file gives the same bytes on every machine. (`npm sbom --workspace` leaves out what
// is hoisted beside the workspaces, Fastify and the database driver among it.)
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './prepare/prepare.mjs';

const START = 'apps/wallet';
const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));

const bom = makeBom(reachable(START));
const text = `${JSON.stringify(bom, null, 2)}\n`;
const file = process.argv[2];
if (file === undefined) process.stdout.write(text);
else writeFileSync(file, text);
console.error(`${bom.components.length} components${file === undefined ? '' : ` in ${file}`}`);

/** Every package that is needed at run time, by its place in the lock file, with the places of what it needs itself. */
function reachable(start) {
  const found = new Map();
  const waiting = [{ place: start, optional: false }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const known = found.get(next.place);
    // What is needed by one and optional to another is needed.
    if (known !== undefined && (known.optional === next.optional || !known.optional)) continue;
    const needs = needsOf(next.place);
    found.set(next.place, { optional: next.optional, needs: needs.map(({ place }) => place) });
    for (const { place, optional } of needs) waiting.push({ place, optional: next.optional || optional });
  }
  return found;
}

function needsOf(place) {
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = packages[place];
  const isOptionalPeer = (name) => peerDependenciesMeta[name]?.optional === true;
  const needs = [
    ...Object.keys(dependencies).map((name) => ({ name, optional: name in optionalDependencies })),
    ...Object.keys(optionalDependencies).map((name) => ({ name, optional: true })),
    ...Object.keys(peerDependencies)
      .filter((name) => !isOptionalPeer(name))
      .map((name) => ({ name, optional: false })),
  ];
  return needs.flatMap(({ name, optional }) => {
    const resolved = resolve(place, name);
    if (resolved !== undefined) return [{ place: resolved, optional }];
    if (optional) return [];
    throw new Error(`${place} needs ${name}, which is not in package-lock.json. Run npm install.`);
  });
}

/** As Node.js looks for a package: beside whoever asks, and outwards from there. */
function resolve(place, name) {
  for (let folder = place; ; folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '') {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    const found = folder.endsWith('node_modules') ? undefined : packages[candidate];
    if (found !== undefined) return found.link === true ? found.resolved : candidate;
    if (folder === '') return undefined;
  }
}

function makeBom(found) {
  const components = new Map();
  const dependencies = new Map();
  for (const [place, { optional, needs }] of found) {
    const ref = refOf(place);
    const known = components.get(ref);
    if (known === undefined || !optional) components.set(ref, componentOf(place, optional));
    dependencies.set(ref, new Set([...(dependencies.get(ref) ?? []), ...needs.map(refOf)]));
  }
  const wallet = { ...components.get(refOf(START)), type: 'application' };
  components.delete(refOf(START));
  const sorted = (map) => [...map].sort(([one], [other]) => (one < other ? -1 : 1));
  const content = {
    metadata: { component: wallet },
    components: sorted(components).map(([, component]) => component),
    dependencies: sorted(dependencies).map(([ref, dependsOn]) => ({ ref, dependsOn: [...dependsOn].sort() })),
  };
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
}

function componentOf(place, optional) {
  const { version, license, integrity } = packages[place];
  const name = nameOf(place);
  return {
    'bom-ref': refOf(place),
    type: 'library',
    name,
    version,
    scope: optional ? 'optional' : 'required',
    ...(integrity === undefined ? {} : { hashes: [hashOf(integrity)] }),
    ...(license === undefined
      ? {}
      : { licenses: [/^[\w.+-]+$/.test(license) ? { license: { id: license } } : { expression: license }] }),
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  };
}

/** The package's own name, which is not that of its place when it was installed under another. */
function nameOf(place) {
  return packages[place].name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function refOf(place) {
  return `${nameOf(place)}@${packages[place].version}`;
}

function hashOf(integrity) {
  const [algorithm, digest] = integrity.split(' ')[0].split(/-(.*)/s);
  return { alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') };
}

/** A UUID of version 8, by content: the same content has the same number. */
function uuidOf(content) {
  const hash = createHash('sha256').update(content).digest('hex');
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `a${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
}
