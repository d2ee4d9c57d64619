/** In front of a glob that does not end in `*`; no key holds a control character. */
const mark = '\u0001';

/** How a pattern travels among the keys that a commit or an instance names. */
export function nameOfPattern(pattern: string): string {
  return pattern.endsWith('*') ? pattern : mark + pattern;
}

/** The pattern that a name stands for; undefined: it is a key. A key that ends in `*` is taken for a pattern, which removes too much, never too little. */
export function patternOfName(name: string): string | undefined {
  if (name.startsWith(mark)) return name.slice(mark.length);
  return name.endsWith('*') ? name : undefined;
}
