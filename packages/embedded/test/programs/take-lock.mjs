// Asks for the lock named by the argument once its standard input ends, says what came of it, and holds it until killed.
import { tryProcessLock } from '../../dist/index.js';

process.stdin.resume();
process.stdin.once('end', () => {
  process.stdout.write(`${tryProcessLock(process.argv[2]).kind}\n`);
  setInterval(() => undefined, 1_000);
});
