import { randomBytes, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataFolder } from '../data-folder.js';
import { EmbeddedError } from '../errors.js';
import { stopPostmaster, type Postmaster } from '../postmaster.js';
import { isAlive } from '../processes.js';
import { replaceFile } from '../replace-file.js';
import { startGuard } from './guard.js';
import { readMessages, sendMessage, type ClientMessage, type KeeperAddress, type KeeperMessage } from './protocol.js';
import { bringUpServer } from './server.js';

/** How long a keeper stays when nobody comes at all: whoever started it has died meanwhile. */
const FIRST_CLIENT_MS = 3_000;
const GREETING_MS = 5_000;
const WATCH_MS = 200;
const MAX_CRASHES = 5;
const CRASH_WINDOW_MS = 60_000;

type Phase =
  | { kind: 'starting' }
  | { kind: 'ready'; server: Postmaster }
  | { kind: 'failed'; code: EmbeddedError['code']; message: string }
  | { kind: 'stopping' };

/**
 * Owns the server of one data folder on behalf of its clients: brings it up, brings it up again when it crashes, and
 * stops it when the last client's connection ends. The caller holds the folder's lock for as long as `run` takes.
 */
export class Keeper {
  readonly #folder: DataFolder;
  readonly #log: (message: string) => void;
  readonly #secret = randomBytes(24).toString('hex');
  readonly #connections = new Set<Socket>();
  readonly #clients = new Set<Socket>();
  readonly #crashes: number[] = [];
  #phase: Phase = { kind: 'starting' };
  #wake: () => void = () => undefined;
  #stopAsked = false;
  #everVisited = false;

  constructor(folder: DataFolder, log: (message: string) => void) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Asks for an end, as when the machine shuts down. */
  stop(): void {
    this.#stopAsked = true;
    this.#wake();
  }

  /** Resolves, when all is over, with the exit code. */
  async run(): Promise<0 | 1> {
    const listener = await this.#listen();
    startGuard(this.#folder.cluster, this.#folder.keeperAddress);
    try {
      await this.#bringUp();
      await this.#keep();
      return this.#phase.kind === 'failed' ? 1 : 0;
    } finally {
      // The address goes first: from here on, whoever wants a server starts a keeper of his own, which waits for the lock.
      rmSync(this.#folder.keeperAddress, { force: true });
      listener.close();
      for (const connection of this.#connections) connection.destroy();
    }
  }

  async #listen(): Promise<Server> {
    const listener = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(0, '127.0.0.1', resolve);
    });
    const { port } = listener.address() as AddressInfo;
    const address: KeeperAddress = { pid: process.pid, port, secret: this.#secret };
    replaceFile(this.#folder.keeperAddress, JSON.stringify(address));
    return listener;
  }

  async #bringUp(): Promise<void> {
    try {
      this.#become({ kind: 'ready', server: await this.#startServer() });
    } catch (error) {
      this.#fail(error);
    }
  }

  async #startServer(): Promise<Postmaster> {
    const server = await bringUpServer(this.#folder);
    this.#log(`PostgreSQL runs as process ${server.pid} on port ${server.port}`);
    return server;
  }

  #fail(error: unknown): void {
    const known = error instanceof EmbeddedError ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    this.#log(`PostgreSQL is given up: ${error instanceof Error ? (error.stack ?? message) : message}`);
    this.#become({ kind: 'failed', code: known?.code ?? 'start_failed', message });
  }

  /** The life of the server: until nobody wants it any more, or it cannot be had. */
  async #keep(): Promise<void> {
    let lonelySince = performance.now();
    while (this.#phase.kind === 'ready') {
      const { server } = this.#phase;
      if (this.#clients.size > 0) {
        lonelySince = performance.now();
      }
      const lonelyMs = performance.now() - lonelySince;
      if (this.#stopAsked || (this.#clients.size === 0 && (this.#everVisited || lonelyMs > FIRST_CLIENT_MS))) {
        await this.#stopServer(server);
        return;
      }
      if (!isAlive(server.pid)) await this.#recover(server);
      else await Promise.race([delay(WATCH_MS), new Promise<void>((resolve) => (this.#wake = resolve))]);
    }
    // Everybody who asked has been told why; a moment for the message to arrive.
    await delay(500);
  }

  /** Brings a server back that has ended unasked. It may be killed again while it recovers, which counts like the first time. */
  async #recover({ pid }: Postmaster): Promise<void> {
    let why = `process ${pid} has ended unasked`;
    for (;;) {
      const now = performance.now();
      this.#crashes.push(now);
      const recent = this.#crashes.filter((at) => now - at < CRASH_WINDOW_MS).length;
      this.#log(`PostgreSQL: ${why}, ${recent} times within a minute`);
      if (recent > MAX_CRASHES) {
        const where = `${this.#folder.cluster}/log`;
        this.#fail(
          new EmbeddedError(
            'start_failed',
            `PostgreSQL failed ${recent} times within a minute; see ${where}. At last: ${why}`,
          ),
        );
        return;
      }
      try {
        this.#become({ kind: 'ready', server: await this.#startServer() });
        return;
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
    }
  }

  async #stopServer(server: Postmaster): Promise<void> {
    this.#become({ kind: 'stopping' });
    const how = await stopPostmaster(this.#folder.cluster, server.pid);
    this.#log(`PostgreSQL has stopped (${how})`);
  }

  #become(phase: Phase): void {
    this.#phase = phase;
    for (const client of this.#clients) this.#tell(client);
  }

  #tell(socket: Socket): void {
    sendMessage(socket, this.#announcement());
  }

  #announcement(): KeeperMessage {
    const phase = this.#phase;
    switch (phase.kind) {
      case 'starting':
        return { kind: 'starting' };
      case 'ready':
        return { kind: 'ready', port: phase.server.port };
      case 'failed':
        return { kind: 'failed', code: phase.code, message: phase.message };
      case 'stopping':
        return { kind: 'closing' };
    }
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    const greeting = setTimeout(() => socket.destroy(), GREETING_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(greeting);
      this.#connections.delete(socket);
      if (this.#clients.delete(socket)) this.#wake();
    });
    readMessages<ClientMessage>(socket, (message) => {
      switch (message.kind) {
        case 'hello':
          if (!sameSecret(message.secret, this.#secret)) {
            socket.destroy();
            return;
          }
          clearTimeout(greeting);
          this.#tell(socket);
          // Whoever comes while the server stops is not counted: he waits for the end and starts a keeper.
          if (this.#phase.kind !== 'stopping') this.#clients.add(socket);
          this.#everVisited = true;
          this.#wake();
          return;
        case 'leave':
          if (!this.#clients.delete(socket)) return;
          // The last one's connection is ended when the server has stopped, so that he can wait for that.
          if (this.#clients.size > 0) sendMessage(socket, { kind: 'left' });
          this.#wake();
          return;
        default:
          socket.destroy();
      }
    });
  }
}

function sameSecret(given: unknown, expected: string): boolean {
  if (typeof given !== 'string' || given.length !== expected.length) return false;
  return timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}
