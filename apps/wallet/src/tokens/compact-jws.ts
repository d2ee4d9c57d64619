/** The three parts of a compact JWS (RFC 7515, section 7.1), decoded, and the bytes that the signature is over. */
export interface CompactJws {
  header: Readonly<Record<string, unknown>>;
  payload: Buffer;
  signature: Buffer;
  signingInput: Buffer;
}

/**
 * Takes a compact JWS apart, believing none of it. Undefined unless each part is base64url in its one canonical
 * spelling: `Buffer.from` ignores stray characters and spare bits, and two spellings of one token would be two tokens to
 * whatever compares text.
 */
export function parseCompactJws(text: string, maxLength: number): CompactJws | undefined {
  if (text.length > maxLength) return undefined;
  const parts = text.split('.', 4);
  if (parts.length !== 3) return undefined;
  const [header, payload, signature] = parts.map(decodeCanonical);
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  const members = parseObject(header);
  if (members === undefined) return undefined;
  const signingInput = Buffer.from(text.slice(0, text.lastIndexOf('.')), 'latin1');
  return { header: members, payload, signature, signingInput };
}

function decodeCanonical(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === part ? bytes : undefined;
}

function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    // Not JSON, hence no header.
    return undefined;
  }
}
