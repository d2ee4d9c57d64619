import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@dunlin/embedded';
import { startFaultProxy, type FaultProxy } from '@dunlin/testkit';
import { HttpClient } from '@dunlin/wallet/demo/http-client';
import { startWalletProcess, type WalletProcess } from '@dunlin/wallet/demo/wallet-process';
import type { LogWatch } from './log-watch.js';

/** What an instance is started with. */
export interface InstanceOptions {
  readonly number: number;
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** With the login, to the server itself; the instance goes through its proxy. */
  readonly databaseUrl: string;
  readonly redisPort: number;
  readonly logs: LogWatch;
  readonly patienceMs: number;
  /** Takes what the instance writes; left out, it is looked at and not kept. */
  readonly logFolder: string | undefined;
}

const connections = 128;
const preload = new URL('../../preload/shifted-clock.mjs', import.meta.url).href;

/** One wallet process, with a way of its own to PostgreSQL and to Redis, and a clock of its own. Its address stays the same. */
export class Instance {
  readonly name: string;
  readonly client: HttpClient;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clockFile: string;
  readonly #logs: LogWatch;
  readonly #logFile: string | undefined;
  #process: WalletProcess | undefined;

  private constructor(
    options: InstanceOptions,
    readonly url: string,
    readonly postgres: FaultProxy,
    readonly redis: FaultProxy,
  ) {
    this.name = `api-${options.number}`;
    this.client = new HttpClient(url, connections, options.patienceMs);
    this.#logs = options.logs;
    if (options.logFolder !== undefined) {
      mkdirSync(options.logFolder, { recursive: true });
      this.#logFile = join(options.logFolder, `${this.name}.log`);
      writeFileSync(this.#logFile, '');
    }
    this.#clockFile = join(options.folder, `clock-${options.number}`);
    this.jumpClock(0);
    const databaseUrl = new URL(options.databaseUrl);
    databaseUrl.port = String(postgres.port);
    this.#environment = {
      ...options.environment,
      PORT: new URL(url).port,
      DATABASE_URL: databaseUrl.href,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      NODE_OPTIONS: `--import ${preload}`,
      CHAOS_CLOCK_FILE: this.#clockFile,
    };
  }

  /** Opens its ways and starts it. Whoever calls this closes it. */
  static async open(options: InstanceOptions): Promise<Instance> {
    const postgres = await startFaultProxy({ targetPort: Number(new URL(options.databaseUrl).port) });
    const redis = await startFaultProxy({ targetPort: options.redisPort });
    const instance = new Instance(options, `http://127.0.0.1:${await freePort()}`, postgres, redis);
    try {
      await instance.start();
    } catch (error) {
      await instance.close();
      throw error;
    }
    return instance;
  }

  async start(): Promise<void> {
    this.#process = await startWalletProcess(this.#environment, (text) => {
      this.#logs.hear(`the log of ${this.name}`, text);
      if (this.#logFile !== undefined) appendFileSync(this.#logFile, text);
    });
  }

  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.#process?.ended;
  }

  freeze(): void {
    this.#process?.signal('SIGSTOP');
  }

  wake(): void {
    this.#process?.signal('SIGCONT');
  }

  /** The wall clock of this instance is so far off from now on; it notices within a tenth of a second. */
  jumpClock(byMs: number): void {
    writeFileSync(this.#clockFile, String(byMs));
  }

  /** What it said when it ended by itself, which nobody asked it to; undefined while it runs. */
  lastWords(): string | undefined {
    return this.#process?.lastWords();
  }

  async close(): Promise<void> {
    this.client.close();
    await this.#process?.stop();
    await this.postgres.close();
    await this.redis.close();
  }
}
