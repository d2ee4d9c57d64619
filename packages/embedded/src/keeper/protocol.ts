import type { Socket } from 'node:net';
import type { EmbeddedErrorCode } from '../errors.js';

/**
 * What the keeper and its clients say to each other: one JSON object a line, over a loopback connection. A client is
 * counted from its greeting until it says that it leaves or its connection ends, for whatever reason.
 */
export type ClientMessage = { readonly kind: 'hello'; readonly secret: string } | { readonly kind: 'leave' };

export type KeeperMessage =
  /** The greeting was right; the server is on its way. */
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly port: number }
  /** The server could not be started; the keeper is about to end. */
  | { readonly kind: 'failed'; readonly code: EmbeddedErrorCode; readonly message: string }
  /** The last client has left: wait for the connection to end, then start a new keeper. */
  | { readonly kind: 'closing' }
  /** Goodbye to a client that leaves while others stay. */
  | { readonly kind: 'left' };

/** What `keeper.json` holds. */
export interface KeeperAddress {
  readonly pid: number;
  readonly port: number;
  readonly secret: string;
}

/** The keeper's exit code when another one keeps this folder already. */
export const EXIT_HELD = 3;

const MAX_LINE_CHARACTERS = 8_192;

/** Calls back with each line, parsed; a line that is no JSON object, or is too long, ends the connection. */
export function readMessages<Message>(socket: Socket, onMessage: (message: Message) => void): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MAX_LINE_CHARACTERS) {
      socket.destroy();
      return;
    }
    for (const line of lines) {
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        message = undefined;
      }
      if (typeof message !== 'object' || message === null) {
        socket.destroy();
        return;
      }
      onMessage(message as Message);
    }
  });
}

export function sendMessage(socket: Socket, message: ClientMessage | KeeperMessage): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}
