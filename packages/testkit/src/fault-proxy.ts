import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy on loopback that misbehaves on demand. One fault at a time; `heal` ends it. */
export interface FaultProxy {
  readonly port: number;
  /** Connections that are open through it now. */
  readonly connections: number;
  /** Everything takes this long to pass, each way. */
  delay(ms: number): void;
  /** Ends what is connected, and every new connection at once, until `heal`: the server is away. */
  drop(): void;
  /** Resets (RST) what is connected; new connections pass. */
  reset(): void;
  /** Nothing passes and nothing closes, until `heal`; what was sent meanwhile then arrives, as over a network that was cut. */
  blackhole(): void;
  /** Flips a bit in every chunk that the server sends. */
  corrupt(): void;
  heal(): void;
  /** Ends everything. May be called twice. */
  close(): Promise<void>;
}

type Fault = { kind: 'none' | 'dropping' | 'blackhole' | 'corrupting' } | { kind: 'delaying'; ms: number };
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Starts a proxy to the given port. */
export async function startFaultProxy(target: { targetHost?: string; targetPort: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let fault: Fault = { kind: 'none' };

  const forward = (from: Socket, to: Socket, fromServer: boolean): void => {
    from.on('data', (chunk: Buffer) => {
      if (fault.kind === 'delaying') {
        setTimeout(() => to.writable && to.write(chunk), fault.ms);
        return;
      }
      if (fault.kind === 'corrupting' && fromServer) chunk[0] = (chunk[0] ?? 0) ^ 0x40;
      to.write(chunk);
    });
    from.on('end', () => to.end());
  };

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    if (fault.kind === 'dropping') {
      client.destroy();
      return;
    }
    const server = createConnection({
      host: target.targetHost ?? '127.0.0.1',
      port: target.targetPort,
      allowHalfOpen: true,
    });
    const pair: Pair = { client, server };
    pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // An error on one side is passed on as a closed connection on the other, by the next line.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
    forward(client, server, false);
    forward(server, client, true);
    if (fault.kind === 'blackhole') pause(pair);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  const { port } = listener.address() as AddressInfo;

  const become = (next: Fault): void => {
    const wasBlack = fault.kind === 'blackhole';
    fault = next;
    for (const pair of pairs) {
      if (next.kind === 'blackhole') pause(pair);
      else if (wasBlack) resume(pair);
    }
  };
  const endAll = (how: (socket: Socket) => void): void => {
    for (const { client, server } of [...pairs]) {
      how(client);
      server.destroy();
    }
  };
  let closed: Promise<void> | undefined;
  return {
    port,
    get connections() {
      return pairs.size;
    },
    delay: (ms) => become({ kind: 'delaying', ms }),
    drop() {
      become({ kind: 'dropping' });
      endAll((socket) => socket.destroy());
    },
    reset: () => endAll((socket) => socket.resetAndDestroy()),
    blackhole: () => become({ kind: 'blackhole' }),
    corrupt: () => become({ kind: 'corrupting' }),
    heal: () => become({ kind: 'none' }),
    close() {
      closed ??= new Promise((resolve) => {
        endAll((socket) => socket.destroy());
        listener.close(() => resolve());
      });
      return closed;
    },
  };
}

function pause({ client, server }: Pair): void {
  client.pause();
  server.pause();
}

function resume({ client, server }: Pair): void {
  client.resume();
  server.resume();
}
