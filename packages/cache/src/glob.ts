/** A Redis glob (`*`, `?`, `[a-c]`, `[^a]`, `\` escapes) as a predicate, so that memory removes what Redis would. */
export function globMatcher(glob: string): (key: string) => boolean {
  let source = '';
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob.charAt(at);
    if (char === '*') source += '.*';
    else if (char === '?') source += '.';
    else if (char === '\\' && at + 1 < glob.length) source += escapeChar(glob.charAt((at += 1)));
    else if (char === '[' && glob.indexOf(']', at + 1) > at + 1) {
      const end = glob.indexOf(']', at + 1);
      source += bracket(glob.slice(at + 1, end));
      at = end;
    } else source += escapeChar(char);
  }
  const expression = new RegExp(`^${source}$`, 's');
  return (key) => expression.test(key);
}

function bracket(inner: string): string {
  const negated = inner.startsWith('^');
  const body = (negated ? inner.slice(1) : inner).replace(/[\\\]^]/g, '\\$&');
  return `[${negated ? '^' : ''}${body}]`;
}

function escapeChar(char: string): string {
  return char.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
