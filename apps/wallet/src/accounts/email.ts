import { domainToASCII } from 'node:url';

/** An address as it is stored and compared: lower case, its domain in ASCII. */
export type EmailAddress = string & { readonly __brand: 'EmailAddress' };

export type EmailParsing = { kind: 'ok'; email: EmailAddress } | { kind: 'invalid'; reason: string };

const maxLength = 254;
const maxLocalLength = 64;
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const domainPart = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;
/** The machine itself, where a wallet that somebody tries out has its operator. */
const loopbackDomain = 'localhost';

/**
 * Reads an e-mail address. Letters before the `@` must be ASCII: look-alikes from other scripts would let one person pass for another.
 * International domains are taken in their ASCII form. Case is folded on both sides, so that one mailbox is one account.
 */
export function parseEmail(text: string): EmailParsing {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  if (at < 1) return invalid('must have the form name@domain');
  const local = trimmed.slice(0, at).toLowerCase();
  if (local.length > maxLocalLength) return invalid(`must have at most ${maxLocalLength} characters before the @`);
  if (!localPart.test(local)) return invalid('has characters before the @ that are not allowed');
  const domain = domainToASCII(trimmed.slice(at + 1)).toLowerCase();
  if (domain !== loopbackDomain && !domainPart.test(domain))
    return invalid('must end in a domain name such as example.org');
  const email = `${local}@${domain}`;
  if (email.length > maxLength) return invalid(`must have at most ${maxLength} characters`);
  return { kind: 'ok', email: email as EmailAddress };
}

function invalid(reason: string): EmailParsing {
  return { kind: 'invalid', reason };
}
