import { describe, expect, it } from 'vitest';
import { RequestContext } from '../src/tracing/request-context.js';
import { RequestRecord } from '../src/tracing/request-record.js';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const request = (name: string): RequestRecord => new RequestRecord('GET', name, undefined, 0, 0);

/** A context to which `count` requests came and nobody asked. */
async function unasked(restsAfter: number, count: number): Promise<RequestContext<RequestRecord>> {
  const context = new RequestContext<RequestRecord>(restsAfter);
  for (let i = 0; i < count; i += 1) await context.run(request(`early-${i}`), tick);
  return context;
}

describe('the context of a request', () => {
  it('is there behind every await from the first request on', async () => {
    const context = new RequestContext<RequestRecord>(1);
    const seen = await context.run(request('first'), async () => {
      await tick();
      return context.current();
    });
    expect(seen?.correlationId).toBe('first');
  });

  it('is never given up once somebody has asked', async () => {
    const context = new RequestContext<RequestRecord>(3);
    context.current();
    for (let i = 0; i < 20; i += 1) await context.run(request(`more-${i}`), tick);
    const seen = await context.run(request('late'), async () => {
      await tick();
      return context.current();
    });
    expect(seen?.correlationId).toBe('late');
  });

  it('rests when nobody asks, and is carried again from the first question on', async () => {
    const context = await unasked(3, 10);
    const lost = await context.run(request('asks too late'), async () => {
      await tick();
      return context.current();
    });
    // This is the price, and it is paid once a process.
    expect(lost).toBeUndefined();
    const carried = await context.run(request('second'), async () => {
      await tick();
      return context.current();
    });
    expect(carried?.correlationId).toBe('second');
  });

  it('answers the synchronous part while it rests, and from there on the rest of that request', async () => {
    const context = await unasked(3, 10);
    let outside: RequestRecord | undefined = request('never');
    const seen = context.run(request('asks at once'), async () => {
      const atOnce = context.current();
      await tick();
      return [atOnce?.correlationId, context.current()?.correlationId];
    });
    outside = context.current();
    expect(await seen).toEqual(['asks at once', 'asks at once']);
    expect(outside).toBeUndefined();
    await tick();
    expect(context.current()).toBeUndefined();
  });

  it.each([
    ['carried', 1000],
    ['coming to rest and being asked in the middle of them', 2],
  ])('keeps requests apart that run at the same time, %s', async (_name, restsAfter) => {
    const context = new RequestContext<RequestRecord>(restsAfter);
    const names = Array.from({ length: 50 }, (_, i) => `request-${i}`);
    const seen = await Promise.all(
      names.map((name) =>
        context.run(request(name), async () => {
          await tick();
          const inner = context.run(request(`${name}/inner`), () => context.current()?.correlationId);
          await tick();
          return { own: context.current()?.correlationId, inner };
        }),
      ),
    );
    names.forEach((name, i) => {
      expect(seen[i]!.inner).toBe(`${name}/inner`);
      // What began while nobody had asked may not know its request; it never takes another's for its own.
      if (restsAfter === 1000 || seen[i]!.own !== undefined) expect(seen[i]!.own).toBe(name);
    });
  });

  it('never shows another request while it rests, whatever is thrown', async () => {
    const context = await unasked(1, 5);
    expect(() =>
      context.run(request('throws'), () => {
        throw new Error('boom');
      }),
    ).toThrow('boom');
    expect(context.current()).toBeUndefined();
  });
});
