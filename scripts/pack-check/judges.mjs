import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/**
 * What the two usual judges of packages say. Left out of account, because these packages are ES modules for Node.js 20.19 and later and
 * say so: that `require` from CommonJS gets a module (which that Node.js can), and that resolution as of Node.js 10 finds no subpaths.
 */
export async function judge({ tarball, folder }) {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const { messages } = await publint({ pkgDir: folder, pack: false, strict: true });
  const said = messages.map((message) => `publint: ${formatMessage(message, manifest)}`);
  const checked = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  if (!checked.types) return [...said, 'arethetypeswrong: there are no types'];
  const counted = checked.problems.filter(
    ({ kind, resolutionKind }) =>
      kind !== 'CJSResolvesToESM' && !(kind === 'NoResolution' && resolutionKind === 'node10'),
  );
  return [...said, ...counted.map((problem) => `arethetypeswrong: ${JSON.stringify(problem)}`)];
}
