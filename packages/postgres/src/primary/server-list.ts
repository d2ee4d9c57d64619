import { OptionError } from '../errors.js';

/** One server that may be the primary. */
export interface Server {
  /** Host and port, fit for a log. */
  readonly name: string;
  /** With the login; undefined where the connection was given in parts. */
  readonly connectionString: string | undefined;
}

const SHAPE = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)(.*)$/i;
const MOST_SERVERS = 16;
/** What libpq's words may ask for here: the primary is what is looked for in any case. */
const ALLOWED_ATTRIBUTES = ['read-write', 'primary'];

/**
 * The servers that a connection string names, one string each, in its order: libpq's form is taken too, in which hosts are
 * separated by commas (`postgres://user@one:5432,two:5432/db?target_session_attrs=read-write`). Throws an `OptionError` for
 * more than 16, and for `target_session_attrs` that ask for anything but the primary.
 */
export function listServers(connectionString: string): readonly Server[] {
  const parts = SHAPE.exec(connectionString);
  const [, login = '', hosts = '', rest = ''] = parts ?? [];
  const names = hosts.split(',');
  if (parts === null || names.length === 1) return [{ name: hosts === '' ? 'localhost' : hosts, connectionString }];
  if (names.length > MOST_SERVERS || names.includes('')) {
    throw new OptionError(
      'connectionString',
      `${names.length} hosts`,
      `2 to ${MOST_SERVERS} hosts, none of them empty`,
    );
  }
  const remaining = withoutAttributes(rest);
  return names.map((name) => ({ name, connectionString: `${login}${name}${remaining}` }));
}

/** The driver does not know the word, so it stays here. */
function withoutAttributes(rest: string): string {
  const [path = '', query] = rest.split('?', 2);
  if (query === undefined) return rest;
  const words = new URLSearchParams(query);
  const asked = words.get('target_session_attrs');
  if (asked !== null && !ALLOWED_ATTRIBUTES.includes(asked)) {
    throw new OptionError(
      'target_session_attrs',
      asked,
      `${ALLOWED_ATTRIBUTES.join(' or ')}; a standby goes into replicas`,
    );
  }
  words.delete('target_session_attrs');
  return words.size === 0 ? path : `${path}?${words.toString()}`;
}
