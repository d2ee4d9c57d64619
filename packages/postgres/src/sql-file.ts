import { readFileSync } from 'node:fs';
import { INTERNAL } from './queries/observer.js';

const read = new Map<string, string>();

/**
 * The text of one of the diagnostics in `sql/`, which ships beside both `src` and `dist`. It is read at its first use,
 * and marked so that the application's figures leave it out.
 */
export function sqlFile(name: string): string {
  let text = read.get(name);
  if (text === undefined) {
    text = `${INTERNAL}\n${readFileSync(new URL(`../sql/${name}.sql`, import.meta.url), 'utf8')}`;
    read.set(name, text);
  }
  return text;
}
