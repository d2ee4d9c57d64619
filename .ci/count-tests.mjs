// Prints how many tests passed and failed, from vitest's JSON report. A file that could not even be loaded holds no
// test, and counts as one that failed.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length;
console.log(`${report.numPassedTests} ${report.numFailedTests + broken}`);
