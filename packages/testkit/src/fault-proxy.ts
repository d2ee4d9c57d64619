import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

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

interface Target {
  readonly targetHost?: string;
  readonly targetPort: number;
}
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}
type Fault = { kind: 'none' | 'dropping' | 'blackhole' | 'corrupting' } | { kind: 'delaying'; ms: number };

/** Starts a proxy to the given port. */
export async function startFaultProxy(target: Target): Promise<FaultProxy> {
  const proxy = new LoopbackProxy(target);
  await proxy.listen();
  return proxy;
}

class LoopbackProxy implements FaultProxy {
  readonly #target: Target;
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #fault: Fault = { kind: 'none' };
  #closed: Promise<void> | undefined;

  constructor(target: Target) {
    this.#target = target;
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(0, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  delay(ms: number): void {
    this.#become({ kind: 'delaying', ms });
  }

  drop(): void {
    this.#become({ kind: 'dropping' });
    this.#endAll((client) => client.destroy());
  }

  reset(): void {
    this.#endAll((client) => client.resetAndDestroy());
  }

  blackhole(): void {
    this.#become({ kind: 'blackhole' });
  }

  corrupt(): void {
    this.#become({ kind: 'corrupting' });
  }

  heal(): void {
    this.#become({ kind: 'none' });
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#listener.close(() => resolve());
      this.#fault = { kind: 'dropping' };
      this.#endAll((client) => client.destroy());
    });
    return this.#closed;
  }

  #accept(client: Socket): void {
    if (this.#fault.kind === 'dropping') {
      client.destroy();
      return;
    }
    const { targetHost: host = '127.0.0.1', targetPort: port } = this.#target;
    const server = createConnection({ host, port, allowHalfOpen: true });
    const pair: Pair = { client, server };
    this.#pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // An error on one side reaches the other as a closed connection, by the next line.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
    this.#forward(client, server, false);
    this.#forward(server, client, true);
    if (this.#fault.kind === 'blackhole') pause(pair);
  }

  #forward(from: Socket, to: Socket, fromServer: boolean): void {
    from.on('data', (chunk: Buffer) => {
      const fault = this.#fault;
      if (fault.kind === 'delaying') {
        setTimeout(() => to.writable && to.write(chunk), fault.ms);
        return;
      }
      if (fault.kind === 'corrupting' && fromServer) chunk[0] = (chunk[0] ?? 0) ^ 0x40;
      to.write(chunk);
    });
    from.on('end', () => to.end());
  }

  #become(next: Fault): void {
    const wasBlack = this.#fault.kind === 'blackhole';
    this.#fault = next;
    for (const pair of this.#pairs) {
      if (next.kind === 'blackhole') pause(pair);
      else if (wasBlack) resume(pair);
    }
  }

  #endAll(end: (client: Socket) => void): void {
    for (const { client, server } of [...this.#pairs]) {
      end(client);
      server.destroy();
    }
  }
}

function pause({ client, server }: Pair): void {
  client.pause();
  server.pause();
}

function resume({ client, server }: Pair): void {
  client.resume();
  server.resume();
}
