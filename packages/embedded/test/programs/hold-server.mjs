// Opens the data folder named by the argument and holds it until its standard input ends or it is killed.
import { openEmbeddedServer } from '../../dist/index.js';

try {
  const server = await openEmbeddedServer({ dataFolder: process.argv[2] });
  process.stdout.write(`${JSON.stringify({ url: server.url, port: server.port })}\n`);
  process.stdin.resume();
  process.stdin.once('end', async () => {
    await server.close();
    process.exit(0);
  });
} catch (error) {
  process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`);
  process.exit(1);
}
