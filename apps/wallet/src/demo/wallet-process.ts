import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface WalletProcess {
  readonly url: string;
  readonly pid: number;
  /** The end of what it wrote, if it has ended by itself; else undefined. */
  lastWords(): string | undefined;
  /** SIGKILL, SIGSTOP and SIGCONT are for those who want to know what becomes of money then; `stop` is for everybody else. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  /** Resolves when it has ended, however, with its exit code; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Ends it by SIGTERM, after 15 s by SIGKILL; answers with its exit code, null after a signal. */
  stop(): Promise<number | null>;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const KEPT_OUTPUT = 8_192;

/** Starts the built wallet as a process of its own and waits for the line that says where it listens. `onOutput` hears all that it writes. */
export async function startWalletProcess(
  environment: NodeJS.ProcessEnv,
  onOutput: (text: string) => void = () => undefined,
): Promise<WalletProcess> {
  // Run from the sources, as tests do, it is the built program that is started all the same.
  const place = import.meta.url.endsWith('.ts') ? '../../dist/src/main.js' : '../main.js';
  const program = fileURLToPath(new URL(place, import.meta.url));
  const child = spawn(process.execPath, [program], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let output = '';
  let lastWords: string | undefined;
  let isStopping = false;
  void ended.then((code) => {
    if (!isStopping) lastWords = `The wallet ended by itself with code ${String(code)}. It said:\n${output}`;
  });
  const stop = async (): Promise<number | null> => {
    isStopping = true;
    // One that was frozen must be able to hear it.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const code = await ended;
    clearTimeout(killer);
    return code;
  };
  const ready = new Promise<string>((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error('The wallet was not up within 60 s')), START_TIMEOUT_MS);
    const read = (chunk: Buffer): void => {
      const text = chunk.toString('utf8');
      onOutput(text);
      output = (output + text).slice(-KEPT_OUTPUT);
      const url = /Dunlin is ready at (\S+)/.exec(output)?.[1];
      if (url !== undefined) {
        clearTimeout(deadline);
        resolve(url);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    void ended.then((code) => {
      clearTimeout(deadline);
      reject(new Error(`The wallet ended with code ${String(code)} instead of starting`));
    });
  });
  try {
    const url = await ready;
    return {
      url,
      pid: child.pid ?? 0,
      signal: (name) => void child.kill(name),
      ended,
      lastWords: () => lastWords,
      stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}. It said:\n${output}`, { cause: error });
  }
}
