import { randomFillSync } from 'node:crypto';

/** So many texts are made at once. No more, since a text that is kept keeps its whole block in memory. */
const TEXTS_A_BLOCK = 64;
const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');
/** The two digits of each byte, so that the loop below only copies. */
const HIGH_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => HEX_DIGITS[byte >> 4]!);
const LOW_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => HEX_DIGITS[byte & 15]!);

/** The shared digits are drawn anew after so many blocks. */
const BLOCKS_A_DRAW = 32;

/** Random bytes of the system, fetched so many at once: a call costs a microsecond, whatever it brings. */
const random = Buffer.alloc(4096);
let randomUsed = random.length;

/** Where in `random` the next `count` unused bytes begin; they are used then. At most the buffer's length. */
function takeRandom(count: number): number {
  if (randomUsed + count > random.length) {
    randomFillSync(random);
    randomUsed = 0;
  }
  randomUsed += count;
  return randomUsed - count;
}

function randomByte(): number {
  return random[takeRandom(1)]!;
}

/**
 * Texts of one pattern with random hexadecimal digits in it. Each `x` is a digit of its own. Each `b` is a digit that some
 * 2,000 texts in a row share, and each `y` such a one of 8, 9, a and b (a UUID's variant). All else stays as it is. Texts are
 * written 64 at a time and cut out of their block, some 40 ns each; a request needs two, and asking the system's random source
 * for each would cost it a microsecond.
 */
export class RandomText {
  readonly #length: number;
  /** Where in the block a digit stands; between them is what never changes. */
  readonly #ownPlaces: Uint16Array;
  readonly #sharedPlaces: readonly number[];
  readonly #variantPlaces: readonly number[];
  readonly #text: Buffer;
  #block = '';
  #offset: number;
  #blocksUntilDraw = 0;

  constructor(pattern: string) {
    const whole = pattern.repeat(TEXTS_A_BLOCK);
    this.#length = pattern.length;
    this.#text = Buffer.from(whole, 'latin1');
    this.#ownPlaces = Uint16Array.from(placesOf('x', whole));
    this.#sharedPlaces = placesOf('b', pattern);
    this.#variantPlaces = placesOf('y', pattern);
    this.#offset = whole.length;
  }

  next(): string {
    if (this.#offset === this.#text.length) this.#fill();
    const begin = this.#offset;
    this.#offset = begin + this.#length;
    return this.#block.substring(begin, this.#offset);
  }

  #fill(): void {
    const text = this.#text;
    if (this.#blocksUntilDraw === 0) this.#drawShared();
    this.#blocksUntilDraw -= 1;
    const places = this.#ownPlaces;
    // A byte makes two digits; the number of places is even, since a block holds an even number of texts.
    let at = takeRandom(places.length / 2);
    for (let i = 0; i < places.length; i += 2) {
      const byte = random[at]!;
      at += 1;
      text[places[i]!] = HIGH_DIGITS[byte]!;
      text[places[i + 1]!] = LOW_DIGITS[byte]!;
    }
    this.#block = text.toString('latin1');
    this.#offset = 0;
  }

  #drawShared(): void {
    this.#blocksUntilDraw = BLOCKS_A_DRAW;
    for (const place of this.#sharedPlaces) this.#setInAll(place, randomByte() & 15);
    for (const place of this.#variantPlaces) this.#setInAll(place, 8 | (randomByte() & 3));
  }

  #setInAll(place: number, digit: number): void {
    for (let i = place; i < this.#text.length; i += this.#length) this.#text[i] = HEX_DIGITS[digit]!;
  }
}

function placesOf(sign: string, text: string): number[] {
  return Array.from(text.matchAll(new RegExp(sign, 'g')), (match) => match.index);
}
