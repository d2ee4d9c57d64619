/** The text of one process, and how it is told from the others'. */
export interface ExpositionPart {
  readonly name: string;
  readonly text: string;
}

interface Family {
  /** HELP and TYPE, as the first process that has the family writes them. */
  readonly head: Map<string, string>;
  readonly samples: string[];
}

/**
 * Joins what several processes would each have answered to a scrape, for those that share a port: whichever is asked answers for all. Every
 * sample keeps its value and gets the label `label`, since counters of different processes must not follow each other in one series.
 * Families stay together, as both text formats demand. The parts must be of the same format.
 */
export function joinExpositions(label: string, parts: readonly ExpositionPart[]): string {
  const families = new Map<string, Family>();
  let end = '';
  for (const { name, text } of parts) {
    let family: Family | undefined;
    for (const line of text.split('\n')) {
      if (line === '# EOF') end = '# EOF\n';
      else if (line.startsWith('# ')) {
        const [, word = '', of = ''] = line.split(' ', 3);
        family = families.get(of) ?? { head: new Map(), samples: [] };
        families.set(of, family);
        if (!family.head.has(word)) family.head.set(word, line);
      } else if (line !== '') family?.samples.push(labelled(line, `${label}="${name}"`));
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head.values(), ...samples]);
  return `${lines.join('\n')}\n${end}`;
}

/** A metric's name holds neither a brace nor a space, so the first of them ends it. */
function labelled(line: string, pair: string): string {
  const at = line.search(/[{ ]/);
  const [name, rest] = [line.slice(0, at), line.slice(at)];
  return rest.startsWith('{') ? `${name}{${pair},${rest.slice(1)}` : `${name}{${pair}}${rest}`;
}
