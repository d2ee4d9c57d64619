/** Anything that looks like a signed token, whoever's. */
const signedToken = /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{20,}/;
/** Longer than any secret that is looked for, so that one which is cut in two by a chunk's end is seen whole. */
const overlapCharacters = 1_024;
const around = 120;

/** Looks for secrets in what goes by; keeps none of it but a little around what it finds. */
export class LogWatch {
  readonly found: string[] = [];
  /** How much has gone by, so that a watch that saw nothing cannot pass. */
  characters = 0;
  #tail = '';

  /** `secrets` are exact texts: passwords, keys, and the mark that stands in everything that clients made up. */
  constructor(private readonly secrets: readonly string[]) {}

  hear(place: string, text: string): void {
    this.characters += text.length;
    const whole = this.#tail + text;
    this.#look(place, whole, this.#tail.length);
    this.#tail = whole.slice(-overlapCharacters);
  }

  /** A text that stands alone: an answer, a page. */
  read(place: string, text: string): void {
    this.characters += text.length;
    this.#look(place, text, 0);
  }

  /** What ends before `newFrom` was seen with the chunk before. */
  #look(place: string, text: string, newFrom: number): void {
    for (const secret of this.secrets) {
      const at = text.indexOf(secret, Math.max(0, newFrom - secret.length + 1));
      if (at !== -1) this.#note(place, text, at, 'a secret');
    }
    const token = signedToken.exec(text);
    if (token !== null && token.index + token[0].length > newFrom)
      this.#note(place, text, token.index, 'a signed token');
  }

  #note(place: string, text: string, at: number, what: string): void {
    if (this.found.length < 20)
      this.found.push(`${what} in ${place}: …${text.slice(Math.max(0, at - around), at)}[HERE]`);
  }
}
