/** One environment variable that cannot be used. */
export interface ConfigProblem {
  readonly variable: string;
  /** What was given, as it may be shown: secrets are hidden. */
  readonly given: string;
  /** What would be accepted, as the end of "allowed: …". */
  readonly allowed: string;
}

/** The environment cannot be used. The message names every variable that is wrong, not only the first. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, given, allowed }) => `  ${variable}: given ${given}; allowed: ${allowed}`);
    super(`The configuration cannot be used:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
