import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const lib = (name: string) => fileURLToPath(new URL(`./libs/${name}/src/index.ts`, import.meta.url));
const libs = [
  'database',
  'metadata-events',
  'metadata-fetch',
  'metadata-refresh',
  'metadata-uri',
  'module-options',
  'project-auth',
  'refresh-api',
  'safe-http',
  'token-store',
];

const sideBySide = {
  // One more than there are cores, because suites often wait: for timeouts, leases and processes. The run's server has 200
  // connections. (Vitest's default is one less than there are cores.)
  maxWorkers: Math.min(availableParallelism() + 1, 8),
  // A worker loads Nest, MikroORM and our code once, not once for each suite. No suite replaces modules or globals.
  isolate: false,
};

/** Through HTTP, on a real PostgreSQL. */
const throughHttp = {
  globalSetup: ['test/support/postgres.setup.ts'],
  setupFiles: ['test/support/document.setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  resolve: { alias: Object.fromEntries(libs.map((name) => [`@app/${name}`, lib(name)])) },
  test: {
    globals: true,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['{libs,src,test}/**/*.spec.ts'], sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/*.e2e-spec.ts'],
          ...throughHttp,
          ...sideBySide,
          sequence: { groupOrder: 1 },
        },
      },
      // Processes and servers are killed for minutes; one suite at a time, because they need the machine.
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/*.chaos-spec.ts'],
          ...throughHttp,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      // Needs programs that npm does not bring: a Chromium, curl and PgBouncer.
      { extends: true, test: { name: 'outside', include: ['test/outside/*.outside-spec.ts'], ...throughHttp } },
    ],
  },
});
