/** The walls of docs/architecture: imports go down only. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one story.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'libs-by-their-index',
      comment: 'A lib shows its face in index.ts; what is behind it may change.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'libs-by-their-index-from-outside',
      comment: 'The application and the tests are hosts like any other.',
      severity: 'error',
      from: { path: '^(src|test|examples)/' },
      to: { path: '^libs/[^/]+/src/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'libs-know-no-host',
      comment: 'A lib is a guest: it knows neither the application nor the tests.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(src|test)/' },
    },
    {
      name: 'the-lowest-libs-stand-alone',
      comment:
        'token-store knows nothing of refreshing, metadata-fetch nothing of storing, project-auth nothing of either.',
      severity: 'error',
      from: { path: '^libs/(token-store|metadata-fetch|project-auth)/' },
      to: { path: '^libs/', pathNot: '^libs/$1/' },
    },
    {
      name: 'refreshing-knows-no-http',
      comment: 'Who is calling and how is the business of refresh-api.',
      severity: 'error',
      from: { path: '^libs/metadata-refresh/' },
      to: { path: '^libs/(project-auth|refresh-api|metadata-events)/' },
    },
    {
      name: 'events-are-told-from-above',
      comment:
        'Who is told hears of refreshing; nobody who asks for one waits for who is told. Only the routes where a project manages its webhooks know both.',
      severity: 'error',
      from: { path: '^libs/', pathNot: '^libs/(metadata-events/|refresh-api/src/webhook-api/|index\\.ts)' },
      to: { path: '^libs/metadata-events/' },
    },
    {
      name: 'events-know-no-http',
      comment: 'Routes ask events; a worker that tells of events has no routes.',
      severity: 'error',
      from: { path: '^libs/metadata-events/' },
      to: { path: '^libs/(refresh-api|project-auth)/' },
    },
    {
      name: 'axios-fetches-metadata',
      comment: 'One guarded client; nothing else dials. The demonstration and the tests are clients of the service.',
      severity: 'error',
      from: { path: '^(libs|src)/', pathNot: ['^libs/metadata-fetch/', '^src/demo/'] },
      to: { path: 'node_modules/(axios|undici)/' },
    },
    {
      name: 'no-orm-in-metadata-fetch-and-refresh-api',
      comment: 'Fetching has no database, and HTTP asks services.',
      severity: 'error',
      from: { path: '^libs/(metadata-fetch|refresh-api)/' },
      to: { path: 'node_modules/(@mikro-orm|kysely|pg)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
