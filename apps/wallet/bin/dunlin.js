#!/usr/bin/env node
// The command `dunlin`. In a clone it builds what is missing or out of date first, as `npm start` does; a packed wallet comes built.
import { existsSync } from 'node:fs';

const prepare = new URL('../../../scripts/prepare/prepare.mjs', import.meta.url);
if (existsSync(prepare)) {
  const { prepare: makeReady, PrepareError } = await import(prepare.href);
  try {
    await makeReady();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    console.error(error.message);
    process.exit(70);
  }
}
await import(new URL('../dist/src/cli/main.js', import.meta.url).href);
