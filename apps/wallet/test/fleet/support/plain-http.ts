import { Agent, request } from 'node:http';

/** What came back, and how long it took. */
export interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface Sent {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly token?: string;
  readonly body?: object;
  /** The idempotency key. */
  readonly key?: string;
}

const patienceMs = 20_000;

/** Connections that are kept, as a client that knows its trade has them. */
export const keptConnections = (): Agent => new Agent({ keepAlive: true, maxSockets: Infinity });

/**
 * Sends a request by nothing but `node:http`, which never tries again: a connection that breaks under a request is an error here, where
 * `fetch` may hide it. With no agent the request has a connection of its own.
 */
export function send({ method, url, token, body, key }: Sent, agent: Agent | false = false): Promise<Reply> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...(payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, agent, headers, timeout: patienceMs }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const isJson = /json/.test(answer.headers['content-type'] ?? '');
        resolve({
          status: answer.statusCode ?? 0,
          body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
        });
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${patienceMs} ms`)));
    asked.on('error', reject);
    asked.end(payload);
  });
}
