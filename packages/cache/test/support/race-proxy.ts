import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** What passes between an instance and Redis: its commands, their replies, and what comes over the connection that subscribed. */
export type Lane = 'commands' | 'replies' | 'messages';

/** A lane that is held: what comes is kept, in its order. */
export interface HeldLane {
  /** Something with the awaited text has come and waits. */
  readonly caught: Promise<void>;
  /** Lets everything go on. */
  release(): void;
  /** Throws away what waits; the connection goes on as if nothing had been said. */
  lose(): void;
}

/** A gate on the wire between one instance and Redis; every connection stays open. */
export interface RaceProxy {
  readonly port: number;
  hold(lane: Lane, text: string): HeldLane;
  close(): Promise<void>;
}

interface Hold {
  readonly text: string;
  readonly kept: { readonly to: Socket; readonly chunk: Buffer }[];
  readonly onCaught: () => void;
}

/** Redis sends each message in one piece that is smaller than a packet of the loopback, so pieces are messages here. */
export async function startRaceProxy(targetPort: number): Promise<RaceProxy> {
  const holds = new Map<Lane, Hold>();
  const sockets = new Set<Socket>();
  const pass = (lane: Lane, to: Socket, chunk: Buffer): void => {
    const hold = holds.get(lane);
    if (!hold) return void to.write(chunk);
    hold.kept.push({ to, chunk });
    if (chunk.includes(hold.text)) hold.onCaught();
  };
  const server = createServer((client) => {
    const redis = createConnection({ host: '127.0.0.1', port: targetPort });
    let subscribed = false;
    for (const socket of [client, redis]) {
      sockets.add(socket.setNoDelay(true));
      // Either side's end is the other's.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        redis.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      subscribed ||= /subscribe/i.test(chunk.toString('latin1'));
      if (subscribed) redis.write(chunk);
      else pass('commands', redis, chunk);
    });
    redis.on('data', (chunk: Buffer) => pass(subscribed ? 'messages' : 'replies', client, chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hold(lane, text) {
      if (holds.has(lane)) throw new Error(`${lane} are held already`);
      let onCaught = (): void => undefined;
      const caught = new Promise<void>((resolve) => (onCaught = resolve));
      const hold: Hold = { text, kept: [], onCaught };
      holds.set(lane, hold);
      const end = (): Hold['kept'] => {
        if (holds.get(lane) === hold) holds.delete(lane);
        return hold.kept.splice(0);
      };
      return { caught, release: () => end().forEach(({ to, chunk }) => to.write(chunk)), lose: () => void end() };
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of [...sockets]) socket.destroy();
      await closed;
    },
  };
}
