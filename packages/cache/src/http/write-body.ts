import { ServerResponse } from 'node:http';

/** Past this a copy into a string costs more than the second chunk that it saves. */
const longestTextBytes = 16_384;
const { end: plainEnd } = ServerResponse.prototype;

/**
 * Ends `response` with `body`. Node.js sends a header and a string as one chunk and a header and a buffer as two, so a short body goes as
 * one-byte text: `latin1` maps each byte to the code unit of the same number and back, whatever the bytes mean. Where somebody has put
 * himself before `end`, who may take a string for UTF-8, it is the buffer.
 */
export function endWith(response: ServerResponse, body: Buffer): void {
  if (body.length <= longestTextBytes && response.end === plainEnd) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
}
