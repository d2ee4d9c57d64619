import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** With nothing skipped: the declarations of what was installed are checked as well. */
const compilerOptions = {
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  target: 'es2023',
  lib: ['es2023'],
  types: ['node'],
};

/**
 * A project of somebody else's: an empty folder outside the clone, in which `packages` (tarballs and names with versions) are
 * installed from the registry's point of view, with their own dependencies and no workspace near. Answers with what went wrong.
 */
export function tryAsStranger({ folder, packages, program, environment }) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'stranger', version: '1.0.0', private: true, type: 'module' }),
  );
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 2],
  });
  cpSync(program, join(folder, 'program.ts'));
  const problems = [];
  for (const resolution of ['nodenext', 'bundler']) {
    const module = resolution === 'nodenext' ? 'nodenext' : 'esnext';
    const options = {
      ...compilerOptions,
      module,
      moduleResolution: resolution,
      outDir: `built-${resolution}`,
      rootDir: '.',
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['program.ts'] }));
    const compiled = run(folder, join(folder, 'node_modules', 'typescript', 'bin', 'tsc'), ['-p', '.'], environment);
    if (compiled !== undefined) problems.push(`does not compile with moduleResolution ${resolution}: ${compiled}`);
  }
  const ran = run(folder, join(folder, 'built-nodenext', 'program.js'), [], environment);
  if (ran !== undefined) problems.push(`does not run: ${ran}`);
  return problems;
}

/** The version of a tool of the clone's, so that the stranger uses the same one. */
export const versionOf = (root, name) =>
  `${name}@${JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version}`;

function run(folder, program, args, environment) {
  const outcome = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
  });
  return outcome.status === 0
    ? undefined
    : `${outcome.stdout}${outcome.stderr}`.trim() || `it ended with ${outcome.signal ?? outcome.status}`;
}
