/** One step of a glob: any number of bytes, or one byte that is in a set. */
type Step = 'run' | ReadonlySet<number> | 'one' | number;

/**
 * A Redis glob (`*`, `?`, `[a-c]`, `[^a]`, `\` escapes) as a predicate, so that memory removes what Redis would: byte by byte, as Redis
 * compares. Cost: at most the length of the glob times that of the key. It is no regular expression, since a stranger's `*a*a*a*b` would hold up
 * the process for minutes.
 */
export function globMatcher(glob: string): (key: string) => boolean {
  const steps = readSteps(asBytes(glob));
  return (key) => matches(steps, asBytes(key));
}

/** A text with one character for each byte of its UTF-8. */
function asBytes(text: string): string {
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) > 127) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

function readSteps(glob: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob.charAt(at);
    if (char === '*') {
      if (steps.at(-1) !== 'run') steps.push('run');
    } else if (char === '?') steps.push('one');
    else if (char === '[') {
      const { set, end } = readSet(glob, at + 1);
      steps.push(set);
      at = end;
    } else {
      if (char === '\\' && at + 1 < glob.length) at += 1;
      steps.push(glob.charCodeAt(at));
    }
  }
  return steps;
}

/** What stands between brackets, from `from` on; one that is never closed ends with the glob. `end` is where its last character stands. */
function readSet(glob: string, from: number): { set: ReadonlySet<number>; end: number } {
  const isNegated = glob.charAt(from) === '^';
  const named = new Set<number>();
  let at = isNegated ? from + 1 : from;
  for (; at < glob.length && glob.charAt(at) !== ']'; at += 1) {
    if (glob.charAt(at) === '\\' && at + 1 < glob.length) named.add(glob.charCodeAt((at += 1)));
    else if (glob.charAt(at + 1) === '-' && at + 2 < glob.length) {
      const [one, other] = [signed(glob.charCodeAt(at)), signed(glob.charCodeAt(at + 2))];
      for (let byte = Math.min(one, other); byte <= Math.max(one, other); byte += 1) named.add(byte & 255);
      at += 2;
    } else named.add(glob.charCodeAt(at));
  }
  return { set: isNegated ? allBut(named) : named, end: at };
}

/** Redis compares the ends of a range as signed bytes, so those past ASCII stand before it. */
function signed(byte: number): number {
  return byte > 127 ? byte - 256 : byte;
}

function allBut(named: ReadonlySet<number>): ReadonlySet<number> {
  const others = new Set<number>();
  for (let byte = 0; byte < 256; byte += 1) if (!named.has(byte)) others.add(byte);
  return others;
}

/** After a mismatch only the last run has to be tried one byte longer: an earlier one would leave it no more to choose from. */
function matches(steps: readonly Step[], key: string): boolean {
  let [step, at, lastRun, runEnd] = [0, 0, -1, 0];
  while (at < key.length) {
    const asked = steps[step];
    if (asked === 'run') {
      lastRun = step;
      runEnd = at;
      step += 1;
    } else if (asked !== undefined && accepts(asked, key.charCodeAt(at))) {
      step += 1;
      at += 1;
    } else if (lastRun >= 0) {
      step = lastRun + 1;
      runEnd += 1;
      at = runEnd;
    } else return false;
  }
  while (steps[step] === 'run') step += 1;
  return step === steps.length;
}

function accepts(step: Exclude<Step, 'run'>, byte: number): boolean {
  if (step === 'one') return true;
  return typeof step === 'number' ? step === byte : step.has(byte);
}
