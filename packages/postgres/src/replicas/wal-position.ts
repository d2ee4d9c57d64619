/**
 * A place in the primary's write-ahead log. Whoever carries one with a read will see every write that was acknowledged
 * before it was taken. It is text (`16/B374D848`), so it goes into a cookie or a header as it is.
 */
export type WalPosition = string & { readonly __walPosition: unique symbol };

/** No replica ever gets there: a read that carries it is served by the primary. For callers that could not learn the position. */
export const PRIMARY_ONLY = 'FFFFFFFF/FFFFFFFF' as WalPosition;

const SHAPE = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;

/** The position that a text names, or undefined when it names none: it may come from a client. */
export function parseWalPosition(text: string): WalPosition | undefined {
  return SHAPE.test(text) ? (text as WalPosition) : undefined;
}

/** Bytes since the log began, so that positions can be compared. Throws a `RangeError` for a text that is no position. */
export function bytesOf(position: string): bigint {
  const parts = SHAPE.exec(position);
  if (parts === null)
    throw new RangeError(`A WAL position looks like 16/B374D848; ${JSON.stringify(position.slice(0, 40))} does not`);
  return (BigInt(`0x${parts[1] ?? ''}`) << 32n) | BigInt(`0x${parts[2] ?? ''}`);
}
