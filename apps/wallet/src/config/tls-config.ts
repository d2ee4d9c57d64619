import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Environment } from './environment.js';

/** What HTTPS is spoken with, in PEM. */
export interface TlsConfig {
  /** The server's certificate, and those between it and the root after it. */
  readonly certificate: string;
  readonly key: string;
}

/** Undefined means plain HTTP: behind a proxy that ends TLS, or on one machine. A certificate without its key, or with another's, is refused. */
export function readTls(environment: Environment): TlsConfig | undefined {
  const certificate = environment.secret('TLS_CERT', {
    accept: isCertificate,
    described: 'a certificate in PEM, those between it and the root after it',
  });
  const key = environment.secret('TLS_KEY', { accept: isPrivateKey, described: 'a private key in PEM, not encrypted' });
  if (environment.problems.some(({ variable }) => variable.startsWith('TLS_'))) return undefined;
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    const [missing, given] = key === undefined ? ['TLS_KEY', 'TLS_CERT'] : ['TLS_CERT', 'TLS_KEY'];
    return environment.refuse(missing, 'nothing', `a value, since ${given} is given: HTTPS needs both`);
  }
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
    return environment.refuse('TLS_KEY', '(hidden)', 'the key that TLS_CERT was made for');
  }
  return { certificate, key };
}

function isCertificate(pem: string): boolean {
  return parses(() => new X509Certificate(pem));
}

function isPrivateKey(pem: string): boolean {
  return parses(() => createPrivateKey(pem));
}

/** OpenSSL tells by throwing. */
function parses(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
