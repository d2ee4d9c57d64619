import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseError, readServerFacts, TimelineFence, type ServerFacts } from '@dunlin/postgres';
import { describeServer } from '../config/database-config.js';
import { StartError } from './start-error.js';

interface Logger {
  warn(fields: object, message: string): void;
}

interface Seen {
  readonly cluster: string;
  readonly timeline: number;
}

const FILE = 'primary.json';

/**
 * The fence of this wallet, which goes on from what the last one on this data folder has seen: a wallet that starts while only the former
 * primary answers would otherwise have nothing to know it by. `url` is the server that was found to be the primary. Undefined
 * where the server does not say what it is; managed ones may keep it to themselves.
 * @throws StartError when that server is on an older timeline than was seen before.
 */
export async function openFence(url: string, dataFolder: string, logger: Logger): Promise<TimelineFence | undefined> {
  const found = await factsOf(url, logger);
  if (found === undefined) return undefined;
  const file = join(dataFolder, FILE);
  const seen = readSeen(file, logger);
  const isSameCluster = seen?.cluster === found.cluster;
  if (seen !== undefined && !isSameCluster) {
    logger.warn({ file }, 'the database is another cluster than before; what was seen of its primary is forgotten');
  }
  if (isSameCluster && found.timeline < seen.timeline) {
    throw new StartError(
      `The database (${describeServer(url)}) is on timeline ${found.timeline}, and this wallet has seen timeline ${seen.timeline}: ` +
        'another server has been promoted since, and what is written here would be lost. Name the new primary in ' +
        `DATABASE_URL; if this server was restored on purpose, remove ${file} and start again.`,
    );
  }
  const fence = new TimelineFence(isSameCluster ? seen : undefined);
  fence.onRaise(() => keep(file, fence, logger));
  fence.judge(found);
  return fence;
}

async function factsOf(url: string, logger: Logger): Promise<ServerFacts | undefined> {
  try {
    return await readServerFacts(url);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.kind !== 'rejected') throw error;
    logger.warn({ err: error }, 'the database does not tell its timeline, so a former primary would not be noticed');
    return undefined;
  }
}

function readSeen(file: string, logger: Logger): Seen | undefined {
  try {
    const { cluster, timeline } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Seen>;
    if (typeof cluster === 'string' && typeof timeline === 'number' && timeline > 0) return { cluster, timeline };
    logger.warn({ file }, 'what was seen of the primary cannot be read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn({ err: error, file }, 'what was seen of the primary cannot be read');
  }
  return undefined;
}

/** Written beside and renamed, so that who reads it finds all of it. Without it the fence still holds for as long as this process runs. */
function keep(file: string, { cluster, timeline }: TimelineFence, logger: Logger): void {
  const draft = `${file}.${process.pid}`;
  try {
    // Another process of this wallet may know more already.
    const kept = readSeen(file, logger);
    if (kept !== undefined && kept.cluster === cluster && kept.timeline >= timeline) return;
    writeFileSync(draft, JSON.stringify({ cluster, timeline }), { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    logger.warn({ err: error, file }, 'what was seen of the primary could not be kept for the next start');
  }
}
