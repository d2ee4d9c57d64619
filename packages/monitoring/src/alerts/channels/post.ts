import { ChannelDeliveryError } from '../../errors.js';
import { outgoing } from '../../outgoing.js';

/** Statuses with which a server asks to be tried again, beside all 5xx. */
const TRY_AGAIN = new Set([408, 425, 429]);

/**
 * Posts JSON. 2xx is delivered; 5xx, 408, 425, 429 and a broken connection may be tried again; anything else is
 * permanent. The address never appears in an error: webhook addresses are secrets.
 */
export async function post(
  url: URL,
  body: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const { target, headers: basic } = outgoing(url);
  let response: Response;
  try {
    response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'dunlin-monitoring', ...basic, ...headers },
      body,
      signal,
      redirect: 'error',
    });
  } catch (error) {
    const cause = (error as { cause?: { code?: unknown } }).cause?.code;
    const reason = signal.aborted ? 'timed out' : typeof cause === 'string' ? cause : 'the connection failed';
    // The original error is left out on purpose: its message may hold the address.
    throw new ChannelDeliveryError(reason, { permanent: false });
  }
  await response.body?.cancel();
  if (response.ok) return;
  const permanent = response.status < 500 && !TRY_AGAIN.has(response.status);
  throw new ChannelDeliveryError(`the receiver answered ${response.status}`, { permanent });
}

/** Checks an address once, when the channel is made; the error names the option, not the address. */
export function parseChannelUrl(url: string, option: string): URL {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new TypeError(`${option} is no URL`);
  }
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')
    throw new TypeError(`${option} must begin with http:// or https://`);
  return parsed;
}
