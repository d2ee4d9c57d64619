import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '@dunlin/postgres';
import type { TestPostgres } from '@dunlin/testkit';
import { ProvingError } from '../proving-error.js';

/** A key and a certificate for this machine that signs itself, as PEM files. */
export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

const withinMs = 10_000;

/** Makes one by `openssl`; where that is missing, says so. */
export function makeCertificate(folder: string): Certificate | { readonly refused: string } {
  const [certificateFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', keyFile, '-out', certificateFile];
  const outcome = spawnSync('openssl', [...words, ...names, ...files], { encoding: 'utf8', timeout: 20_000 });
  if (outcome.status === 0) return { certificateFile, keyFile };
  return { refused: outcome.error?.message ?? outcome.stderr.trim().split('\n').at(-1) ?? 'openssl failed' };
}

/**
 * Lets the server speak TLS from now on, restarts included. PostgreSQL's own protocol has no checksum: a byte that was changed on its way
 * may be another amount, and nobody could tell. Under TLS every record is authenticated, so a changed byte ends the connection, and what
 * was under way on it has an unknown outcome, which the wallet knows how to deal with (decision 0085).
 */
export async function encryptConnections(server: TestPostgres, certificate: Certificate): Promise<void> {
  const { uid, gid } = statSync(server.folder);
  for (const [from, name] of [
    [certificate.certificateFile, 'server.crt'],
    [certificate.keyFile, 'server.key'],
  ] as const) {
    const to = join(server.folder, name);
    copyFileSync(from, to);
    chownSync(to, uid, gid);
    chmodSync(to, 0o600);
  }
  const admin = new Database({ connectionString: server.url, poolSize: 1 });
  try {
    await admin.query("alter system set ssl = 'on'");
    await admin.query('select pg_reload_conf()');
    const deadline = performance.now() + withinMs;
    for (;;) {
      const { rows } = await admin.query<{ ssl: string }>("select current_setting('ssl') as ssl");
      if (rows[0]?.ssl === 'on') return;
      if (performance.now() > deadline) throw new ProvingError('PostgreSQL did not turn TLS on; its log says why');
      await delay(25);
    }
  } finally {
    await admin.close();
  }
}
