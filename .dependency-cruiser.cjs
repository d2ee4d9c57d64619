/** The import rules of docs/architecture.md, checked in CI. */
const libraries = '^packages/(cache|postgres|monitoring|offline)/';
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'libraries-stay-apart',
      comment: 'The libraries never import each other, nor any other workspace.',
      severity: 'error',
      from: { path: '^packages/(cache|postgres|monitoring|offline)/src' },
      to: { path: '^(packages|apps|examples|bench)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'embedded-leans-on-nothing',
      severity: 'error',
      from: { path: '^packages/embedded/src' },
      to: { path: '^(packages|apps|examples|bench)/', pathNot: '^packages/embedded/' },
    },
    {
      name: 'nobody-imports-an-app',
      severity: 'error',
      from: { pathNot: '^(apps|bench|proving)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'src-never-imports-tests',
      severity: 'error',
      from: { path: '^(packages/(?!testkit)[^/]+|apps/[^/]+)/src' },
      to: { path: '(/test/|^packages/testkit/)' },
    },
    {
      name: 'web-frameworks-only-in-http',
      severity: 'error',
      from: { path: libraries + 'src/', pathNot: '/src/http/' },
      to: { path: 'node_modules/(fastify|express|@fastify)' },
    },
    {
      name: 'redis-client-only-in-tier-and-bus',
      severity: 'error',
      from: { path: '^packages/(cache|postgres|monitoring|offline)/src/', pathNot: '^packages/cache/src/redis/' },
      to: { path: 'node_modules/(ioredis|redis|iovalkey)/' },
    },
    {
      name: 'wallet-domain-knows-no-http-and-no-cache',
      severity: 'error',
      from: { path: '^apps/wallet/src/(ledger|tokens|accounts|keys|queries|audit)/' },
      to: {
        path: '^apps/wallet/src/(routes|caching|app|main)|^packages/(cache|monitoring)/|node_modules/(fastify|@fastify)',
      },
    },
    {
      name: 'caching-knows-no-routes',
      severity: 'error',
      from: { path: '^apps/wallet/src/caching/' },
      to: { path: '^apps/wallet/src/(routes|app|main)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsConfig: { fileName: 'tsconfig.test.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['dunlin-source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
