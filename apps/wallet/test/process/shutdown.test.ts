import { gate } from '@dunlin/testkit';
import { describe, expect, test } from 'vitest';
import { Shutdown } from '../../src/process/shutdown.js';

function recorded(boundMs = 5_000): { shutdown: Shutdown; said: string[]; exits: number[]; exited: Promise<void> } {
  const said: string[] = [];
  const exits: number[] = [];
  let leave: () => void = () => undefined;
  const exited = new Promise<void>((resolve) => (leave = resolve));
  const exit = (code: number): void => {
    exits.push(code);
    leave();
  };
  return { shutdown: new Shutdown({ boundMs, say: (line) => said.push(line), exit }), said, exits, exited };
}

describe('a shutdown', () => {
  test('closes what was opened last first, one after the other, once', async () => {
    const { shutdown, exits } = recorded();
    const order: string[] = [];
    const step = (name: string) => async (): Promise<void> => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
    };
    shutdown.add('first', step('first'));
    shutdown.add('second', step('second'));
    await Promise.all([shutdown.begin(0), shutdown.begin(7)]);
    expect(order).toEqual(['second begins', 'second ends', 'first begins', 'first ends']);
    expect(exits).toEqual([0]);
  });

  test('closes the rest when one step fails, says which, and ends with 1', async () => {
    const { shutdown, said, exits } = recorded();
    let closed = false;
    shutdown.add('the cellar', async () => void (closed = true));
    shutdown.add('the roof', () => Promise.reject(new Error('it leaks')));
    await shutdown.begin(0);
    expect(closed).toBe(true);
    expect(said.join()).toContain('Closing the roof failed: Error: it leaks');
    expect(exits).toEqual([1]);
  });

  test('ends at its bound, saying what hangs', async () => {
    const { shutdown, said, exits, exited } = recorded(30);
    const stuck = gate();
    shutdown.add('the stuck door', () => stuck.arrive());
    const begun = shutdown.begin(0);
    await exited;
    expect(exits).toEqual([1]);
    expect(said.join()).toContain('still waiting for the stuck door');
    stuck.open();
    await begun;
  });
});
