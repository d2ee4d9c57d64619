import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../../../vitest.config.js';

// The package's tests against a copy of its sources that lacks one fence; run.mjs says which.
const root = process.env['DUNLIN_MUTANT'] ?? '';
export default mergeConfig(
  base,
  defineConfig({
    resolve: {
      alias: [
        { find: /^@dunlin\/cache\/(fastify|express)$/, replacement: `${root}/src/http/$1.ts` },
        { find: /^@dunlin\/cache\/conformance$/, replacement: `${root}/src/conformance/index.ts` },
        { find: /^@dunlin\/cache\/keyv$/, replacement: `${root}/src/keyv-store.ts` },
        { find: /^@dunlin\/cache$/, replacement: `${root}/src/index.ts` },
      ],
    },
    test: { bail: 1, reporters: ['dot'], testTimeout: 20_000 },
  }),
);
