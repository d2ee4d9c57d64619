/**
 * Is a 32-byte string a public key that Ed25519 can be trusted with? (RFC 8032, section 5.1.3, plus the order of the point.)
 *
 * OpenSSL does not ask when it loads a key: it takes encodings of no point, and points of order 1, 2, 4 or 8, under
 * which one signature fits many messages. A device key like that would make evidence of double spending worthless.
 */
const p = 2n ** 255n - 19n;
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const squareRootOfMinusOne = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;

type Affine = readonly [x: bigint, y: bigint];

/** True for the encoding of a point on the curve whose order is not 1, 2, 4 or 8. About 0.2 ms. */
export function isUsableEd25519Point(encoded: Uint8Array): boolean {
  const point = decompress(encoded);
  if (point === undefined) return false;
  let multiple = point;
  for (let doubling = 0; doubling < 3; doubling += 1) multiple = double(multiple);
  return !(multiple[0] === 0n && multiple[1] === 1n);
}

function decompress(encoded: Uint8Array): Affine | undefined {
  if (encoded.length !== 32) return undefined;
  const bits = BigInt(`0x${Buffer.from(encoded).reverse().toString('hex')}`);
  const sign = bits >> 255n;
  const y = bits & (2n ** 255n - 1n);
  // A y of p or more would be a second spelling of a smaller one, and with it a second thumbprint of one key.
  if (y >= p) return undefined;
  const numerator = modulo(y * y - 1n);
  const denominator = modulo(d * y * y + 1n);
  const x = squareRootOfRatio(numerator, denominator);
  if (x === undefined || (x === 0n && sign === 1n)) return undefined;
  return [(x & 1n) === sign ? x : p - x, y];
}

/** The root of u/v, by the one exponentiation that p = 5 (mod 8) allows. */
function squareRootOfRatio(u: bigint, v: bigint): bigint | undefined {
  const v3 = modulo(v * v * v);
  const candidate = modulo(u * v3 * power(modulo(u * v3 * v3 * v), (p - 5n) / 8n));
  const check = modulo(v * candidate * candidate);
  if (check === u) return candidate;
  if (check === modulo(-u)) return modulo(candidate * squareRootOfMinusOne);
  return undefined;
}

/** The addition law of the twisted Edwards curve is complete, so doubling needs no special case. */
function double([x, y]: Affine): Affine {
  const product = modulo(d * modulo(x * x) * modulo(y * y));
  return [modulo(2n * x * y * inverse(modulo(1n + product))), modulo((y * y + x * x) * inverse(modulo(1n - product)))];
}

function inverse(value: bigint): bigint {
  return power(value, p - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let product = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) product = modulo(product * square);
    square = modulo(square * square);
  }
  return product;
}

function modulo(value: bigint): bigint {
  const remainder = value % p;
  return remainder < 0n ? remainder + p : remainder;
}
