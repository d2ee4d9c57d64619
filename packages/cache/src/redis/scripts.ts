import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisClient } from './client.js';

/** Names of the scripts in lua/, one operation each. */
export type ScriptName = 'claim' | 'fill' | 'set' | 'remove' | 'sweep-group' | 'generation' | 'release' | 'retime';

interface LoadedScript {
  readonly source: string;
  readonly digest: string;
}

/** The scripts, read from the package's lua/ folder when first used; the path is the same from src and from dist. */
export class Scripts {
  private readonly loaded = new Map<ScriptName, LoadedScript>();

  /** Runs a script; replies hold Buffers. A server that does not know the script yet is given it. */
  async run(
    client: RedisClient,
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const script = this.load(name);
    const rest = [keys.length, ...keys, ...args];
    try {
      return await client.callBuffer('EVALSHA', [script.digest, ...rest]);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return client.callBuffer('EVAL', [script.source, ...rest]);
    }
  }

  private load(name: ScriptName): LoadedScript {
    const known = this.loaded.get(name);
    if (known) return known;
    const source = readFileSync(new URL(`../../lua/${name}.lua`, import.meta.url), 'utf8');
    const script = { source, digest: createHash('sha1').update(source).digest('hex') };
    this.loaded.set(name, script);
    return script;
  }
}
