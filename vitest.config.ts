import { defineConfig } from 'vitest/config';

// Tests import the workspaces' sources (condition `dunlin-source`), so a change is tested without a build;
// tests that start a process of their own use the built files, which `npm test` brings up to date first.
// `import` must not be listed: it would also apply to require(), and give CommonJS packages an ESM module.
const conditions = ['dunlin-source', 'module', 'node', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'apps/*/test/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'bench/test/**/*.test.ts',
      'proving/test/**/*.test.ts',
    ],
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    // What is waited for usually comes at once; the one second that is the default passes on a machine that stands still.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
