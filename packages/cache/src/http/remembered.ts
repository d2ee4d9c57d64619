/** Arguments longer than this are worked out each time: who asks may choose them. */
const longestText = 256;
/** Enough for the addresses that are asked for again and again; 512 of the longest take a quarter of a megabyte. */
const limit = 512;

/**
 * `work` for texts that come back often, such as addresses: its value for each is kept, for at most 512 of them. A stranger who asks for ever
 * new ones costs the others a little speed and no memory.
 */
export function remembered<Value>(work: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const kept = known.get(text);
    if (kept !== undefined) return kept;
    const value = work(text);
    if (text.length > longestText) return value;
    if (known.size >= limit) known.clear();
    known.set(text, value);
    return value;
  };
}
