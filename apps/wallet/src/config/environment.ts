import { readFileSync } from 'node:fs';
import type { ConfigProblem } from './config-error.js';

/** The variables of a process, by name. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/** Bounds are inclusive. */
interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** Said with the bounds: `ms`, `percent`, `bytes`. */
  readonly unit?: string;
}

/**
 * Reads variables one by one, remembering which were asked for and collecting what cannot be used, so that whoever
 * starts the program sees all of it at once. An empty value counts as not set. A reader that finds a bad value notes the
 * problem and answers as if nothing had been set; nobody sees that answer, because the problems are thrown in the end.
 */
export class Environment {
  readonly problems: ConfigProblem[] = [];
  readonly known = new Set<string>();
  readonly #variables: EnvironmentVariables;

  constructor(variables: EnvironmentVariables) {
    this.#variables = variables;
  }

  /** True when the variable is set to something. */
  isSet(name: string): boolean {
    return this.#raw(name) !== undefined;
  }

  refuse(variable: string, given: string, allowed: string): undefined {
    this.problems.push({ variable, given, allowed });
    return undefined;
  }

  text(name: string, allowed: { pattern: RegExp; described: string }): string | undefined {
    const value = this.#raw(name);
    if (value === undefined || allowed.pattern.test(value)) return value;
    return this.refuse(name, quoted(value), allowed.described);
  }

  /**
   * A value that is never shown. It may come from a file, named by `<NAME>_FILE`, as container platforms hand out
   * secrets; a line end after it does not belong to it.
   */
  secret(name: string, allowed?: { accept: (value: string) => boolean; described: string }): string | undefined {
    const value = this.#secretValue(name);
    if (value === undefined || allowed === undefined || allowed.accept(value)) return value;
    return this.refuse(name, '(hidden)', allowed.described);
  }

  number(name: string, range: NumberRange): number | undefined {
    return this.#numeric(name, range, /^-?\d+(\.\d+)?$/, 'a number');
  }

  integer(name: string, range: NumberRange): number | undefined {
    return this.#numeric(name, range, /^-?\d+$/, 'a whole number');
  }

  choice<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#raw(name);
    if (value === undefined) return undefined;
    return choices.find((choice) => choice === value) ?? this.refuse(name, quoted(value), choices.join(', '));
  }

  /** A URL that is shown to nobody, since it may hold a password or be a secret as a whole (a webhook's). */
  secretUrl(name: string, schemes: readonly string[]): string | undefined {
    const described = `a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')} and names a host`;
    return this.secret(name, { accept: (value) => hasScheme(value, schemes), described });
  }

  url(name: string, schemes: readonly string[]): string | undefined {
    const value = this.#raw(name);
    if (value === undefined || hasScheme(value, schemes)) return value;
    const described = schemes.map((scheme) => `${scheme}//`).join(' or ');
    return this.refuse(name, quoted(value), `a URL that starts with ${described} and names a host`);
  }

  #numeric(name: string, range: NumberRange, pattern: RegExp, kind: string): number | undefined {
    const value = this.#raw(name);
    if (value === undefined) return undefined;
    const parsed = Number(value);
    if (pattern.test(value) && parsed >= range.min && parsed <= range.max) return parsed;
    const unit = range.unit === undefined ? '' : ` (${range.unit})`;
    return this.refuse(name, quoted(value), `${kind} from ${range.min} to ${range.max}${unit}`);
  }

  #secretValue(name: string): string | undefined {
    const direct = this.#raw(name);
    const file = this.#raw(`${name}_FILE`);
    if (file === undefined) return direct;
    if (direct !== undefined) {
      return this.refuse(`${name}_FILE`, quoted(file), `only one of ${name} and ${name}_FILE`);
    }
    try {
      const content = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
      if (content !== '') return content;
      return this.refuse(`${name}_FILE`, quoted(file), 'a file that is not empty');
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      return this.refuse(`${name}_FILE`, `${quoted(file)} (${why})`, 'the path of a file that this user can read');
    }
  }

  #raw(name: string): string | undefined {
    this.known.add(name);
    const value = this.#variables[name];
    return value === undefined || value.trim() === '' ? undefined : value.trim();
  }
}

function hasScheme(value: string, schemes: readonly string[]): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, host } = new URL(value);
  return schemes.includes(protocol) && host !== '';
}

function quoted(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
