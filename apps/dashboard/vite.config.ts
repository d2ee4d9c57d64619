import { defineConfig } from 'vite';
import { recordedBackend } from './recorded-backend.js';

/** The page lands inside the library that serves it, so that whoever takes @dunlin/monitoring has it too. */
const OUT = '../../packages/monitoring/page';

export default defineConfig({
  base: '/performance/',
  plugins: [recordedBackend()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    assetsDir: 'assets',
    // An inlined asset would be a data: address, which the Content-Security-Policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
});
