import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Clock } from '../clock.js';
import { CacheError } from '../errors.js';
import type { Logger } from '../logger.js';
import { ReplyReader, type BulkValues, type Reply } from './reply-reader.js';

/** The server that the command connection speaks to; the lane must reach the very same. */
export interface LaneServer {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly tls: ConnectionOptions | undefined;
  /** What the server said of itself on the command connection. */
  readonly runId: string;
}

export interface ReadLaneOptions {
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One MGET; exactly one of the two is called, once. */
export interface LaneRead {
  /** The values, to be read before it returns. */
  landed(values: BulkValues): void;
  failed(error: Error): void;
}

interface Expected {
  readonly sentAtMs: number;
  readonly answer: (reply: Reply) => void;
  readonly fail: (error: Error) => void;
  /** It took too long and was told so; its reply is still to come, and is thrown away. */
  abandoned: boolean;
}

/** MGETs under way at once; they time out, so only a flood within one timeout gets there. */
const longestQueue = 4_096;
const receiveBytes = 64 * 1024;
const firstRetryMs = 50;
const longestRetryMs = 2_000;

/**
 * A connection of its own on which nothing travels but MGET (why: docs/decisions/0016). It belongs to the command connection: it is
 * opened when that is up, to the same server, and closed when that goes. Whoever finds it not open asks on the command connection instead.
 */
export class ReadLane {
  private socket: Socket | undefined;
  private server: LaneServer | undefined;
  private expected: Expected[] = [];
  private opened = false;
  private retries = 0;
  private cancelRetry: () => void = () => undefined;
  private cancelWatch: (() => void) | undefined;

  constructor(private readonly options: ReadLaneOptions) {}

  /** Whether reads may be sent. */
  get isOpen(): boolean {
    return this.opened && this.expected.length < longestQueue;
  }

  /** Begins to connect, and goes on trying until `close`. */
  open(server: LaneServer): void {
    this.close();
    this.server = server;
    this.retries = 0;
    this.dial(server);
  }

  /** Ends the connection; what is under way fails. May be called at any time. */
  close(): void {
    this.server = undefined;
    this.cancelRetry();
    this.drop(new CacheError('redis_unavailable', 'the connection was closed'));
  }

  /** Sends one MGET, written out. Only while it is open. */
  send(command: string, encoding: 'latin1' | 'utf8', read: LaneRead): void {
    const answer = (reply: Reply): void => {
      if (reply.kind === 'values') read.landed(reply.values);
      else read.failed(reply.kind === 'error' ? replyError(reply.message) : unexpected());
    };
    this.write(command, encoding, answer, (error) => read.failed(error));
  }

  private dial(server: LaneServer): void {
    const { host, port, tls } = server;
    const reader = new ReplyReader((reply) => this.onReply(socket, reply));
    const take = (bytes: Buffer): void => {
      try {
        if (this.socket === socket) reader.read(bytes);
      } catch (error) {
        this.broke(socket, error instanceof Error ? error : new Error(String(error)));
      }
    };
    const socket = tls ? connectTls({ ...tls, host, port }) : connectPlainly(host, port, take);
    if (tls) socket.on('data', take);
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    socket.once(tls ? 'secureConnect' : 'connect', () => this.introduce(socket, server));
    socket.on('error', (error) => this.broke(socket, error));
    socket.on('close', () => this.broke(socket, new CacheError('redis_unavailable', 'the connection was lost')));
    const giveUpMs = Math.max(1_000, this.options.commandTimeoutMs * 4);
    this.cancelRetry = this.options.clock.schedule(() => {
      if (!this.opened) this.broke(socket, new CacheError('redis_unavailable', 'connecting took too long'));
    }, giveUpMs);
  }

  /** Authenticates, chooses the database, and asks who the server is, all in one go. */
  private introduce(socket: Socket, server: LaneServer): void {
    const { username, password, database, runId } = server;
    const steps: string[][] = [];
    if (password !== undefined) steps.push(username === undefined ? ['AUTH', password] : ['AUTH', username, password]);
    if (database > 0) steps.push(['SELECT', String(database)]);
    const failed = (error: Error): void => this.broke(socket, error);
    for (const step of steps) {
      this.write(
        encodeCommand(step),
        'utf8',
        (reply) => reply.kind === 'error' && failed(replyError(reply.message)),
        failed,
      );
    }
    const compare = (reply: Reply): void => {
      if (reply.kind === 'error') return failed(replyError(reply.message));
      // Behind one address may stand several servers, or another one since a failover: then an old value could be read here
      // after it was removed there.
      if (reply.kind !== 'text' || runIdOf(reply.text) !== runId) return failed(new Error('this is another server'));
      this.cancelRetry();
      this.opened = true;
      this.retries = 0;
    };
    this.write(encodeCommand(['INFO', 'server']), 'utf8', compare, failed);
  }

  private write(
    command: string,
    encoding: 'latin1' | 'utf8',
    answer: (reply: Reply) => void,
    fail: (error: Error) => void,
  ): void {
    const { clock, commandTimeoutMs } = this.options;
    this.expected.push({ sentAtMs: clock.monotonicMs(), answer, fail, abandoned: false });
    this.cancelWatch ??= clock.schedule(() => this.watch(), commandTimeoutMs);
    this.socket?.write(command, encoding);
  }

  private onReply(socket: Socket, reply: Reply): void {
    if (this.socket !== socket) return;
    const next = this.expected.shift();
    if (!next) throw new Error('a reply that nobody asked for');
    if (!next.abandoned) next.answer(reply);
  }

  /** One timer for all that is under way: it goes off when the oldest has had its time, and is set anew for the next. */
  private watch(): void {
    this.cancelWatch = undefined;
    const { clock, commandTimeoutMs } = this.options;
    const nowMs = clock.monotonicMs();
    // Told only after the look: who fails may end in closing the lane.
    const late: Expected[] = [];
    for (const one of this.expected) {
      if (one.abandoned) continue;
      const remainingMs = one.sentAtMs + commandTimeoutMs - nowMs;
      if (remainingMs > 0) {
        this.cancelWatch = clock.schedule(() => this.watch(), remainingMs);
        break;
      }
      one.abandoned = true;
      late.push(one);
    }
    for (const one of late) one.fail(new Error('Command timed out'));
  }

  /** The connection cannot be used any more: all that is under way fails, and a new one is tried a little later. */
  private broke(socket: Socket, error: Error): void {
    if (this.socket !== socket) return;
    this.options.logger.debug({ reason: error.message }, 'redis read lane closed');
    this.cancelRetry();
    this.drop(error);
    const { server } = this;
    if (!server) return;
    const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(this.retries, 8)) * (0.5 + Math.random() / 2);
    this.retries += 1;
    this.cancelRetry = this.options.clock.schedule(() => this.dial(server), waitMs);
  }

  private drop(error: Error): void {
    const { socket, expected } = this;
    this.socket = undefined;
    this.opened = false;
    this.expected = [];
    this.cancelWatch?.();
    this.cancelWatch = undefined;
    socket?.destroy();
    for (const one of expected) if (!one.abandoned) one.fail(error);
  }
}

/** Receives into one piece of memory again and again, in place of a new one for each packet. */
function connectPlainly(host: string, port: number, take: (bytes: Buffer) => void): Socket {
  const buffer = Buffer.allocUnsafeSlow(receiveBytes);
  const callback = (count: number): boolean => {
    take(buffer.subarray(0, count));
    return true;
  };
  return connect({ host, port, onread: { buffer, callback } });
}

/** The server's name for this run of itself; empty where INFO does not tell. */
export function runIdOf(facts: string): string {
  return /^run_id:(\S+)/m.exec(facts)?.[1] ?? '';
}

function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Named as the client's own, so that the breaker treats both alike. */
function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

function unexpected(): CacheError {
  return new CacheError('redis_reply_unexpected', 'MGET was answered with something else');
}
