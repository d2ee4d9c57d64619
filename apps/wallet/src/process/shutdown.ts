/** What a shutdown needs of the process; a test gives its own. */
export interface ShutdownOptions {
  /** After this the process ends whatever still hangs, unless `begin` says otherwise. */
  readonly boundMs: number;
  readonly say: (line: string) => void;
  readonly exit: (code: number) => void;
}

interface Step {
  readonly name: string;
  readonly close: () => Promise<void>;
}

/** Ends a process in order: what was opened last is closed first, and nothing can keep it from ending in the end. */
export class Shutdown {
  readonly #options: ShutdownOptions;
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;
  #current = 'nothing';
  #noticeMs = 0;

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  get hasBegun(): boolean {
    return this.#running !== undefined;
  }

  /** So much of the way is meant to be waited, and does not count against the bound. */
  allowNotice(noticeMs: number): void {
    this.#noticeMs = noticeMs;
  }

  /** Remembers something that is open. `name` is what is said when its closing hangs: "the HTTP server". */
  add(name: string, close: () => Promise<void>): void {
    this.#steps.push({ name, close });
  }

  /** Closes everything and ends the process with `exitCode`, or with 1 when something could not be closed. Begins once. */
  begin(exitCode: number, boundMs: number = this.#options.boundMs): Promise<void> {
    this.#running ??= this.#run(exitCode, boundMs + this.#noticeMs);
    return this.#running;
  }

  async #run(exitCode: number, boundMs: number): Promise<void> {
    const { say, exit } = this.#options;
    const timer = setTimeout(() => {
      say(`Stopping took longer than ${boundMs} ms; still waiting for ${this.#current}. Ending without it.`);
      exit(1);
    }, boundMs);
    let code = exitCode;
    for (const step of this.#steps.reverse()) {
      this.#current = step.name;
      try {
        await step.close();
      } catch (error) {
        say(`Closing ${step.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        code = 1;
      }
    }
    clearTimeout(timer);
    exit(code);
  }
}
