import { defineConfig } from 'vitest/config';

// Tests import the workspaces' sources (condition `dunlin-source`), so a change is tested without a build;
// tests that start a process of their own use the built files, which `npm test` brings up to date first.
export default defineConfig({
  resolve: { conditions: ['dunlin-source', 'node', 'import', 'module', 'default'] },
  ssr: { resolve: { conditions: ['dunlin-source', 'node', 'import', 'module', 'default'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
