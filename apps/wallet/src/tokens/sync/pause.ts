/** Lets the event loop take a breath before every `count`-th item of a long piece of work, the first excepted. */
export async function pauseEvery(count: number, item: number): Promise<void> {
  if (item > 0 && item % count === 0) await new Promise((resolve) => setImmediate(resolve));
}
