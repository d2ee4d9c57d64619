/**
 * What a signature worker runs, as text: so it is the same whether the wallet runs from its sources, as tests do, or built, and whatever
 * bundles it has no file to find. `verify` answers with a byte for each signature, `sign` with 64 for each message.
 *
 * A public key is parsed once: that costs more than a tenth of a verification, and the same devices come again.
 */
export const signatureWorkerProgram = `
  'use strict';
  const { parentPort } = require('node:worker_threads');
  const { createPublicKey, sign, verify } = require('node:crypto');

  const mostKeys = 4096;
  const parsed = new Map();

  function keyOf(bytes) {
    const x = Buffer.from(bytes).toString('base64url');
    let key = parsed.get(x);
    if (key === undefined) {
      if (parsed.size >= mostKeys) parsed.delete(parsed.keys().next().value);
      key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
      parsed.set(x, key);
    }
    return key;
  }

  parentPort.on('message', (request) => {
    const answer = new Uint8Array(request.kind === 'verify' ? request.messages.length : 64 * request.messages.length);
    request.messages.forEach((message, at) => {
      if (request.kind === 'verify') {
        answer[at] = verify(null, message, keyOf(request.publicKeys[at]), request.signatures[at]) ? 1 : 0;
      } else {
        answer.set(sign(null, Buffer.from(message), request.privateKey), 64 * at);
      }
    });
    parentPort.postMessage(answer, [answer.buffer]);
  });
`;
