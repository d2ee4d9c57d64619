import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const RECORDING = new URL('./recorded/recording.json', import.meta.url);

/** What `npm run record` kept: answers by address, as a real server gave them. */
interface Recording {
  at: string;
  answers: Record<string, unknown>;
}

/**
 * Answers the development server's requests from a recording, so that the page can be worked on without a backend. Times are
 * moved to now, the stream repeats the recorded figures with a little life in them, and changes are accepted and forgotten.
 */
export function recordedBackend(): Plugin {
  return {
    name: 'recorded-backend',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const url = new URL(request.url ?? '/', 'http://page');
        if (url.pathname === '/auth/login')
          return json(response, { user: { email: 'you', role: 'operator' }, accessToken: 'recorded' });
        const isCall = url.pathname.startsWith('/admin/') || /^\/performance\/[a-z]/.test(url.pathname);
        if (!isCall || url.pathname.startsWith('/performance/src') || url.pathname.includes('/@')) return next();
        if (url.pathname.includes('/node_modules/')) return next();
        if (url.pathname === '/performance/stream') return stream(request, response);
        const answer = find(url);
        if (request.method !== 'GET') return json(response, answer ?? { count: 42, outcome: 'delivered' });
        if (answer === undefined)
          return json(response, { code: 'not_recorded', detail: `Not recorded: ${url.pathname}` }, 404);
        return json(response, answer);
      });
    },
    transformIndexHtml: (html) =>
      html.replace(
        'name="dunlin" content="{}"',
        `name="dunlin" content='${JSON.stringify({ title: 'Dunlin (recorded)', login: { kind: 'password', login: '/auth/login', refresh: '/auth/login', logout: '/auth/login' }, ledger: '/admin/ledger' })}'`,
      ),
  };
}

/** The recording with its times moved so that it ends now. */
function load(): Record<string, unknown> {
  const { at, answers } = JSON.parse(readFileSync(fileURLToPath(RECORDING), 'utf8')) as Recording;
  const shift = Date.now() - Date.parse(at);
  const moved = JSON.stringify(answers).replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, (quoted) =>
    JSON.stringify(new Date(Date.parse(quoted.slice(1, -1)) + shift).toISOString()),
  );
  return JSON.parse(moved) as Record<string, unknown>;
}

function find(url: URL): unknown {
  const answers = load();
  return (
    answers[`${url.pathname}${url.search}`] ??
    answers[url.pathname] ??
    Object.entries(answers).find(([path]) => path.split('?')[0] === url.pathname)?.[1]
  );
}

function json(response: ServerResponse, content: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
}

function stream(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const answers = load();
  const metrics = answers['/performance/metrics'] as { timestamp: string; throughput: { requestsPerSecond: number } };
  const points = (answers['/performance/series'] as { points: { at: string }[] }).points;
  let tick = 0;
  const send = (event: string, data: unknown): void =>
    void response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  send('alerts', answers['/performance/alerts']);
  const timer = setInterval(() => {
    const timestamp = new Date().toISOString();
    const requestsPerSecond = metrics.throughput.requestsPerSecond * (1 + Math.sin(tick / 7) / 5);
    send('metrics', {
      ...metrics,
      timestamp,
      throughput: { requestsPerSecond, requestsPerMinute: requestsPerSecond * 60 },
    });
    if (tick % 5 === 0 && points.length > 0) send('point', { ...points[tick % points.length], at: timestamp });
    tick += 1;
  }, 1000);
  request.on('close', () => clearInterval(timer));
}
