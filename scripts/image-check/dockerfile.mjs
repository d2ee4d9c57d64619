import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The instructions of a Dockerfile in order, as `{ word, rest }`; continued lines are joined, comments left out. */
export function readDockerfile(root) {
  const joined = readFileSync(join(root, 'Dockerfile'), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n/g, ' ');
  return joined
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
      if (word === '') throw new Error(`The Dockerfile has a line that is no instruction: ${line}`);
      return { word, rest };
    });
}

/** The instructions of each stage, by its name; the last one is called `final`. */
export function stagesOf(instructions) {
  const stages = new Map();
  let name = '';
  for (const instruction of instructions) {
    if (instruction.word === 'FROM') {
      name = /\bAS\s+(\S+)$/i.exec(instruction.rest)?.[1] ?? 'final';
      stages.set(name, []);
    }
    stages.get(name)?.push(instruction);
  }
  return stages;
}
