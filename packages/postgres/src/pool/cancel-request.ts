import net from 'node:net';
import tls from 'node:tls';

/** Where a session lives and the key that allows to cancel its statement; the fields are those of a `pg.Client`. */
export interface CancelTarget {
  readonly host?: string;
  readonly port?: number;
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  readonly ssl?: boolean | tls.ConnectionOptions;
}

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;

/**
 * Asks the server to stop what a session is doing, over a connection of its own as the protocol wants it. Resolves
 * with true when the request was delivered; the server tells nobody whether it found anything to stop.
 *
 * The request names a session, not a statement: it may hit whatever that session does next. So the caller must not
 * use the session again afterwards.
 */
export function requestCancel(target: CancelTarget, timeoutMs: number): Promise<boolean> {
  const { processID, secretKey, port = 5432, host = 'localhost' } = target;
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return Promise.resolve(false);
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(CANCEL_REQUEST, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? net.connect(`${host}/.s.PGSQL.${port}`) : net.connect(port, host);
    const timer = setTimeout(() => settle(false), timeoutMs);
    const settle = (delivered: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(delivered);
    };
    socket.on('error', () => settle(false));
    // The server answers a cancel request by closing the connection, once it has passed the request on.
    socket.on('close', () => settle(true));
    socket.on('connect', () => {
      if (target.ssl) sendOverTls(socket, host, target.ssl, packet, () => settle(false));
      else socket.write(packet);
    });
    socket.resume();
  });
}

function sendOverTls(
  socket: net.Socket,
  host: string,
  ssl: true | tls.ConnectionOptions,
  packet: Buffer,
  onRefused: () => void,
): void {
  const request = Buffer.alloc(8);
  request.writeInt32BE(8, 0);
  request.writeInt32BE(SSL_REQUEST, 4);
  socket.once('data', (answer) => {
    if (answer.toString('latin1', 0, 1) !== 'S') return onRefused();
    const named = net.isIP(host) ? {} : { servername: host };
    const secured = tls.connect({ ...(ssl === true ? {} : ssl), ...named, socket });
    secured.on('error', onRefused);
    secured.once('secureConnect', () => secured.write(packet));
  });
  socket.write(request);
}
