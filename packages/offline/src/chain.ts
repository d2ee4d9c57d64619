/** The pieces of a chain in one text, as a QR code carries it: the token, then the transfers in order. */
export function chainText(pieces: readonly string[]): string {
  return pieces.join(separator);
}

/** Undefined for a text that is longer than any chain; its pieces are not looked at. */
export function chainPieces(text: string): string[] | undefined {
  return text.length > maxChainLength ? undefined : text.split(separator);
}

/** Neither base64url nor the dot of a JWS; what SD-JWT (RFC 9901) uses for the same purpose. */
const separator = '~';

/** More transfers than these are refused unread, whatever a token allows. */
export const mostTransfers = 32;
/** A token of 512 characters and 32 transfers of 768, with what stands between them. */
export const maxChainLength = 512 + mostTransfers * 769;
