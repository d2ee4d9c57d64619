import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash, parseOptions, verify } from '@node-rs/argon2';
import { crowded, HashSlots } from './hash-slots.js';

export interface PasswordOptions {
  /** Memory of one hash in KiB. 19456 by default, with 2 passes and 1 lane: the first choice of OWASP's password storage cheat sheet. */
  memoryKib?: number;
  passes?: number;
  /** Hashes at once. By default one less than the cores, at least 1 and at most 4, so that requests keep a core. */
  concurrency?: number;
  /** Hashes that may wait. 64 by default: about two seconds of them on one core. */
  maxWaiting?: number;
}

export type PasswordParsing = { kind: 'ok'; password: string } | { kind: 'invalid'; reason: string };

/** `fits` with `outdated` when the stored hash has another cost than new ones. */
export type PasswordCheck = { kind: 'fits'; outdated: boolean } | { kind: 'differs' } | { kind: 'busy' };

export const passwordLength = { min: 8, max: 128 } as const;

/** 8 to 128 characters of any script, counted after normalisation (NFKC), so that each keyboard's way of writing them fits. */
export function parsePassword(text: string): PasswordParsing {
  // Half a surrogate pair has no form in UTF-8: every such half would be hashed as the same replacement character.
  if (/[\ud800-\udfff]/u.test(text)) return { kind: 'invalid', reason: 'has a character that is no text' };
  const password = text.normalize('NFKC');
  // Characters, not UTF-16 units: what a person counts. The raw length is bounded first, as the count walks the text.
  const length = password.length > passwordLength.max * 4 ? Number.POSITIVE_INFINITY : [...password].length;
  if (length < passwordLength.min || length > passwordLength.max) {
    return { kind: 'invalid', reason: `must have ${passwordLength.min} to ${passwordLength.max} characters` };
  }
  return { kind: 'ok', password };
}

/** argon2id, off the event loop, never more at once than the machine carries. One hash takes some 20 ms of a core. */
export class Passwords {
  private readonly cost: { memoryCost: number; timeCost: number; parallelism: number };
  private readonly slots: HashSlots;
  private decoy: Promise<string> | undefined;

  constructor(options: PasswordOptions = {}) {
    this.cost = { memoryCost: options.memoryKib ?? 19_456, timeCost: options.passes ?? 2, parallelism: 1 };
    const concurrency = options.concurrency ?? Math.min(4, Math.max(1, availableParallelism() - 1));
    this.slots = new HashSlots(concurrency, options.maxWaiting ?? 64);
  }

  /** The hash in PHC form, with a fresh salt; undefined when too many wait. */
  async hash(password: string): Promise<string | undefined> {
    const hashed = await this.slots.run(() => hash(password, this.cost));
    return hashed === crowded ? undefined : hashed;
  }

  /** `stored` undefined stands for an unknown account: the answer is `differs`, after the same work. */
  async check(stored: string | undefined, password: string): Promise<PasswordCheck> {
    const hashed = stored ?? (await this.decoyHash());
    const fits = await this.slots.run(() => verify(hashed, password));
    if (fits === crowded) return { kind: 'busy' };
    if (!fits || stored === undefined) return { kind: 'differs' };
    return { kind: 'fits', outdated: this.isOutdated(stored) };
  }

  /** Makes ready what the first check of an unknown account would else have to make, at twice the time of later ones. */
  async prepare(): Promise<void> {
    await this.decoyHash();
  }

  /** A hash of nobody's password. Made outside the slots: once a process, and never refused. */
  private decoyHash(): Promise<string> {
    this.decoy ??= hash(randomBytes(16), this.cost).catch((error: unknown) => {
      // A failure (no memory, say) is not remembered: the next caller tries again.
      this.decoy = undefined;
      throw error;
    });
    return this.decoy;
  }

  private isOutdated(stored: string): boolean {
    const { memoryCost, timeCost, parallelism } = parseOptions(stored);
    return (
      memoryCost !== this.cost.memoryCost || timeCost !== this.cost.timeCost || parallelism !== this.cost.parallelism
    );
  }
}
