import { createTestDatabase, gate, type TestDatabase } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Database,
  Maintainer,
  maintenanceDown,
  maintenanceUp,
  readTableHealth,
  type MaintenanceOutcome,
  type MaintenanceRun,
} from '../src/index.js';

let target: TestDatabase;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  target = await createTestDatabase();
  await database().query(maintenanceUp);
});
afterAll(() => target.close());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(poolSize = 3): Database {
  const created = new Database({ connectionString: target.url, poolSize });
  open.push(created);
  return created;
}

function ranBy(outcome: MaintenanceOutcome): MaintenanceRun {
  if (outcome.kind !== 'ran') throw new Error(`nothing ran: ${outcome.kind}`);
  return outcome.run;
}

describe('maintenance', () => {
  it('vacuums and analyzes the tables that are due, and those only', async () => {
    const db = database(1);
    await db.query('CREATE TABLE worn (n int) WITH (autovacuum_enabled = false); CREATE TABLE fresh (n int)');
    await db.query('INSERT INTO worn SELECT generate_series(1, 2000)');
    await db.query('DELETE FROM worn WHERE n > 500');
    await db.query('SELECT pg_stat_force_next_flush()');
    const run = ranBy(await new Maintainer(db).performMaintenance());
    expect(run.status).toBe('completed');
    const about = (task: string): unknown[] =>
      run.steps.filter((step) => step.task === task).map((step) => [step.table, step.status]);
    expect(about('vacuum')).toEqual([['public.worn', 'done']]);
    expect(about('analyze')).toEqual([['public.worn', 'done']]);
    expect(run.steps.map((step) => step.detail)).toContain('Autovacuum is off for public.worn.');
    await db.query('SELECT pg_stat_force_next_flush()');
    const worn = (await readTableHealth(db)).find((table) => table.table === 'worn');
    expect(worn).toMatchObject({ deadRows: 0, changedRows: 0 });
    expect(worn?.lastVacuum).toBeInstanceOf(Date);
    expect(worn?.wraparoundPercent).toBeGreaterThanOrEqual(0);
  });

  it('never runs twice at once, whichever instance asks', async () => {
    const [db, other] = [database(), database()];
    const [begun, finish] = [gate(), gate()];
    const first = new Maintainer(db, [
      {
        name: 'slow',
        run: async () => {
          begun.open();
          await finish.arrive();
          return { detail: 'Done at last.', counts: { expired: 3 } };
        },
      },
    ]);
    const running = first.performMaintenance({ tasks: ['slow'] });
    await begun.arrive();
    expect(await new Maintainer(other).performMaintenance()).toEqual({ kind: 'busy' });
    expect((await new Maintainer(other).recentRuns(1))[0]).toMatchObject({ status: 'running', finishedAt: null });
    finish.open();
    expect(ranBy(await running).steps).toMatchObject([
      { task: 'slow', status: 'done', detail: 'Done at last.', counts: { expired: 3 } },
    ]);
    expect(ranBy(await new Maintainer(other).performMaintenance({ tasks: ['health'] })).status).toBe('completed');
  });

  it('tells of the run that it was, the tenth and later ones included', async () => {
    const maintainer = new Maintainer(database());
    const ids: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      ids.push(Number(ranBy(await maintainer.performMaintenance({ tasks: ['health'] })).id));
    }
    expect(ids).toEqual(ids.map((_, at) => ids[0]! + at));
    expect((await maintainer.recentRuns(12)).map(({ id }) => Number(id))).toEqual([...ids].reverse());
  });

  it('records a job that fails and goes on with the rest', async () => {
    const db = database();
    const maintainer = new Maintainer(db, [{ name: 'broken', run: () => Promise.reject(new Error('no such luck')) }]);
    const run = ranBy(await maintainer.performMaintenance({ tasks: ['broken', 'health'] }));
    expect(run.status).toBe('failed');
    expect(run.steps[0]).toMatchObject({ task: 'broken', status: 'failed', detail: 'no such luck' });
    expect(run.steps[1]).toMatchObject({ task: 'health', status: 'done' });
    expect((await maintainer.recentRuns(1))[0]).toEqual(run);
    expect(() => maintainer.performMaintenance({ tasks: ['nonsense'] })).toThrow(
      'there are: broken, health, analyze, vacuum',
    );
    expect(() => maintainer.register({ name: 'broken', run: () => Promise.resolve({ detail: '' }) })).toThrow(
      'exists already',
    );
  });

  it('closes the run of an instance that died, and takes over', async () => {
    const db = database();
    await db.query(
      "INSERT INTO dunlin_maintenance_runs (started_at, instance, status) VALUES (now(), 'dead:1', 'running')",
    );
    await new Maintainer(db).performMaintenance({ tasks: ['health'] });
    const dead = (await new Maintainer(db).recentRuns()).find((run) => run.instance === 'dead:1');
    expect(dead).toMatchObject({ status: 'interrupted' });
    expect(dead?.finishedAt).not.toBeNull();
  });

  it('stops between tasks when asked to', async () => {
    const db = database();
    const begun = gate();
    const maintainer = new Maintainer(db, [
      {
        name: 'patient',
        run: async ({ signal }) => {
          begun.open();
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return { detail: 'Stopped in good order.' };
        },
      },
    ]);
    const running = maintainer.performMaintenance();
    await begun.arrive();
    await maintainer.stop();
    const { steps } = ranBy(await running);
    expect(steps.map((step) => step.status)).toEqual(['done', 'skipped', 'skipped', 'skipped']);
  });

  it('says so when its table is missing, and frees the lock', async () => {
    const db = database();
    await db.query(maintenanceDown);
    await expect(new Maintainer(db).performMaintenance()).rejects.toMatchObject({ code: '42P01' });
    await db.query(maintenanceUp);
    expect((await new Maintainer(db).performMaintenance({ tasks: ['health'] })).kind).toBe('ran');
  });
});
