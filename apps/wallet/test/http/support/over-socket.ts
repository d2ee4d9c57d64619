import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

/** An answer as it came over the wire. */
export interface Wire {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Over a socket of its own, with no field but those that are given: `fetch` adds some, and the fast lane is on the server's socket alone. */
export async function overSocket(url: string, method: string, headers: Record<string, string>): Promise<Wire> {
  const sent = httpRequest(url, { method, agent: false, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** What belongs to one exchange and not to the answer; the connection's own fields stand on a socket only. */
export const ofOneExchange = [
  'x-correlation-id',
  'traceparent',
  'ratelimit',
  'cache-status',
  'age',
  'date',
  'connection',
  'keep-alive',
];

/** The fields that belong to the answer itself. */
export const answerOf = (headers: object): object =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !ofOneExchange.includes(name))
      .map(([name, value]) => [name, String(value)]),
  );
