import type { Progress } from '../../demo/progress.js';
import { count } from '../../demo/table.js';
import { openMasterKey } from '../../keys/open-master-key.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { seed, type SeedPhase, type SeedProgress, type SeedReport } from '../seed/seed.js';
import type { Terminal } from '../terminal.js';
import type { WorkPlace } from '../work-place.js';

export interface SeedCommandOptions {
  users: number;
  transactions: number;
  tokens: number;
  days: number;
  randomSeed: number;
  password?: string;
  intoExisting?: true;
}

export async function seedDatabase(place: WorkPlace, options: SeedCommandOptions, say: Terminal): Promise<ExitCode> {
  const { config } = place;
  const show = progressByPhase(say);
  const report = await seed({
    ...options,
    databaseUrl: place.databaseUrl,
    masterKey: await openMasterKey(config.masterKey, config.dataFolder),
    currency: config.currency,
    onProgress: show.at,
    signal: place.signal,
  }).finally(show.end);
  say.result(report, () => words(report));
  return exitCodes.fine;
}

/** One line for each phase, ended when the next begins. */
function progressByPhase(say: Terminal): { at: (progress: SeedProgress) => void; end: () => void } {
  let current: { phase: SeedPhase; line: Progress } | undefined;
  const end = (): void => {
    current?.line.done();
    current = undefined;
  };
  return {
    at({ phase, done, total }) {
      if (current?.phase !== phase) {
        end();
        current = { phase, line: say.progress(phase, total) };
      }
      current.line.at(done, `${count(done)} of ${count(total)}`);
    },
    end,
  };
}

function words(report: SeedReport): string {
  return [
    `${count(report.users)} users, ${count(report.transactions)} transactions and ${count(report.tokens)} tokens in ${report.seconds} s; the ledger reconciles.`,
    `The busiest user:  ${report.busiest.email}  (${report.busiest.id}, ${count(report.busiest.transactions)} transactions)`,
    `A typical user:    ${report.typical.email}  (${report.typical.id}, ${count(report.typical.transactions)} transactions)`,
    `Everybody’s password: ${report.password}`,
  ].join('\n');
}
