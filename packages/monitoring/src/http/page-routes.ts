import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createHash } from 'node:crypto';
import { gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import type { PageOptions } from './page-options.js';
import { HttpProblem } from './problem.js';
import { describeRoute, type RouteContext } from './route-context.js';

interface Asset {
  type: string;
  body: Buffer;
  zipped: Buffer;
  etag: string;
}

/** The build of apps/dashboard, beside `src` and `dist`. */
const FOLDER = fileURLToPath(new URL('../../page/', import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const SHELL_HEADERS = {
  // Everything comes from here, nothing runs inline, and nobody may frame it.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
} as const;
const A_YEAR = 'public, max-age=31536000, immutable';
const zip = promisify(gzip);

/** `GET /performance` and its assets, whose names carry a hash of what is in them. Public: the shell holds no figures. */
export function pageRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const options = context.page;
  if (options === false) return;
  let loading: Promise<Map<string, Asset>> | undefined;
  const assets = async (): Promise<Map<string, Asset>> => {
    loading ??= load(options ?? {});
    try {
      return await loading;
    } catch (error) {
      // Tried again next time: a build may be under way.
      loading = undefined;
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new HttpProblem({
        status: 503,
        code: 'page_not_built',
        detail: 'The page is not built: run npm run build.',
      });
    }
  };

  fastify.get('/performance', { schema: describeRoute('The web page', {}) }, async (request, reply) => {
    const shell = (await assets()).get('index.html')!;
    if (request.headers['if-none-match'] === shell.etag) return reply.code(304).headers(SHELL_HEADERS).send();
    return send(reply.headers({ ...SHELL_HEADERS, etag: shell.etag }), shell, request.headers['accept-encoding']);
  });

  fastify.get<{ Params: { file: string } }>(
    '/performance/assets/:file',
    { schema: describeRoute('A part of the web page', {}) },
    async (request, reply) => {
      const asset = (await assets()).get(`assets/${request.params.file}`);
      if (asset === undefined)
        throw new HttpProblem({ status: 404, code: 'not_found', detail: 'The page has no such part.' });
      reply.headers({ 'cache-control': A_YEAR, 'x-content-type-options': 'nosniff' });
      return send(reply, asset, request.headers['accept-encoding']);
    },
  );
}

function send(
  reply: { header(name: string, value: string): unknown; type(type: string): { send(body: Buffer): unknown } },
  asset: Asset,
  accepted: string | string[] | undefined,
): unknown {
  reply.header('vary', 'accept-encoding');
  const zipped = String(accepted ?? '').includes('gzip');
  if (zipped) reply.header('content-encoding', 'gzip');
  return reply.type(asset.type).send(zipped ? asset.zipped : asset.body);
}

/** Reads the few files once; they stay in memory, zipped and not. */
async function load(options: PageOptions): Promise<Map<string, Asset>> {
  const names = ['index.html', ...(await readdir(join(FOLDER, 'assets'))).map((name) => `assets/${name}`)];
  const entries = names
    .filter((name) => TYPES[extname(name)] !== undefined)
    .map(async (name): Promise<[string, Asset]> => {
      const read = await readFile(join(FOLDER, name));
      const body = name === 'index.html' ? withSettings(read, options) : read;
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      return [name, { type: TYPES[extname(name)]!, body, zipped: await zip(body), etag }];
    });
  return new Map(await Promise.all(entries));
}

/** The settings travel as an attribute of a meta element, so that no script of the page is inline. */
function withSettings(shell: Buffer, { title = 'Dunlin', login = { kind: 'token' }, ledger }: PageOptions): Buffer {
  const settings = JSON.stringify({ title, login, ...(ledger === undefined ? {} : { ledger }) });
  const escaped = settings.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return Buffer.from(
    shell.toString('utf8').replace('name="dunlin" content="{}"', () => `name="dunlin" content="${escaped}"`),
  );
}
