import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { operatorCredentials, startApp } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');

/** The fenced blocks of one language, in order. */
function blocks(language: string, text = readme): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] ?? '',
  );
}

/** What differs from one run to the next, put out of sight. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replaceAll(/ttl=\d+/g, 'ttl=<seconds>')
    .trim();
}

describe('the README', () => {
  it('opens with the two commands', () => {
    expect(
      blocks('bash')[0]
        ?.split('\n')
        .map((line) => line.split('#')[0]?.trim()),
    ).toEqual(['npm start', 'npm test', '']);
  });

  describe('its session', () => {
    it('prints what the README says', { timeout: 240_000 }, () =>
      whileLeased([], async () => {
        const running = await startApp();
        try {
          const session = blocks('bash', readme.slice(readme.indexOf('<!-- session')))[0] ?? '';
          const { stdout, stderr } = await promisify(execFile)('bash', ['--noprofile', '--norc', '-c', session], {
            timeout: 60_000,
            env: {
              PATH: process.env['PATH'],
              WALLET: running.url,
              OPERATOR: operatorCredentials.email,
              PASSWORD: operatorCredentials.password,
            },
          });
          expect(stderr).toBe('');
          expect(withoutChance(stdout)).toBe(withoutChance(blocks('text')[0] ?? ''));
          // The ids, times and ttls were put out of sight because they vary, not because they are missing.
          expect(stdout).toMatch(/hit; ttl=[1-9]/);
        } finally {
          await running.close();
        }
      }),
    );
  });

  it('shows examples of the libraries that compile', { timeout: 120_000 }, () => {
    const examples = blocks('ts');
    expect(examples).toHaveLength(3);
    expect(compile(examples)).toEqual([]);
  });

  it('shows no example that compiles whatever it says', { timeout: 120_000 }, () => {
    expect(
      compile(["import { CacheService } from '@dunlin/cache';\nnew CacheService({ noSuchOption: 1 });\n"]),
    ).not.toEqual([]);
  });

  it('links to nothing that is not there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] as string);
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((link) => !ts.sys.fileExists(root + link))).toEqual([]);
  });
});

/** Compiles each text as a module of this repository, with its strictest settings; answers with what the compiler says. */
function compile(texts: readonly string[]): string[] {
  const configuration = ts.getParsedCommandLineOfConfigFile(
    `${root}tsconfig.test.json`,
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
        throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
      },
    },
  );
  const options: ts.CompilerOptions = { ...configuration?.options, lib: ['lib.es2023.d.ts'] };
  const examples = new Map(texts.map((text, at) => [`${root}apps/wallet/test/docs/example-${at}.ts`, text]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  const getSourceFile = host.getSourceFile.bind(host);
  host.readFile = (name) => examples.get(name) ?? readFile.call(host, name);
  host.fileExists = (name) => examples.has(name) || fileExists.call(host, name);
  host.getSourceFile = (name, ...rest) => {
    const text = examples.get(name);
    return text === undefined ? getSourceFile(name, ...rest) : ts.createSourceFile(name, text, ts.ScriptTarget.ES2023);
  };
  const program = ts.createProgram([...examples.keys()], options, host);
  return [...examples.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
  });
}
