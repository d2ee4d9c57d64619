import { runCommandLine } from './run-command-line.js';

// The process entry of `dunlin`, run by bin/dunlin.js. Ends by itself when everything that was opened is closed.
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
