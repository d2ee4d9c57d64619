// The container's HEALTHCHECK: ends with 0 while the wallet of this container wants requests. A process of its own, with nothing but Node.js.
const host = ['0.0.0.0', '::', undefined, ''].includes(process.env['HOST']) ? '127.0.0.1' : process.env['HOST'];
const url = `http://${host?.includes(':') === true ? `[${host}]` : host}:${process.env['PORT'] ?? '3000'}/performance/ready`;
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
} catch (error) {
  process.stderr.write(`${url}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
