import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { mutate } from './test/mutations/mutation-plugin.js';
import { LongestFirst } from './test/support/longest-first.js';

const lib = (name: string) => fileURLToPath(new URL(`./libs/${name}/src/index.ts`, import.meta.url));
const libs = [
  'chain-events',
  'console',
  'database',
  'logging',
  'metadata-events',
  'metadata-fetch',
  'metadata-refresh',
  'metadata-uri',
  'module-options',
  'postgres-programs',
  'project-auth',
  'refresh-api',
  'safe-http',
  'testing',
  'token-store',
  'tracing',
];

const parallel = {
  // Two more than the number of cores (Vitest's default is one less): suites wait half of the time, for timeouts, leases and processes.
  // At most 8, because the PostgreSQL server of the run has 200 connections.
  maxWorkers: Math.min(availableParallelism() + 2, 8),
  // Each worker loads Nest, MikroORM and the application once instead of once per suite. No suite replaces modules or globals.
  isolate: false,
};

/** For suites that test over HTTP on a real PostgreSQL. */
const withPostgres = {
  globalSetup: ['test/support/postgres.setup.ts'],
  setupFiles: ['test/support/openapi.setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** The index of a mutation, in a run of `npm run test:mutations`. */
const mutation = process.env['MUTATION'];

export default defineConfig({
  plugins: mutation ? [mutate(mutation)] : [],
  resolve: { alias: Object.fromEntries(libs.map((name) => [`@app/${name}`, lib(name)])) },
  test: {
    globals: true,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{libs,src,test}/**/*.spec.{ts,tsx}'],
          ...parallel,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/*.e2e-spec.ts'],
          ...withPostgres,
          ...parallel,
          sequence: { groupOrder: 1 },
        },
      },
      // Starts, stops and kills services, servers and worker processes.
      {
        extends: true,
        test: {
          name: 'processes',
          include: ['test/processes/*.process-spec.ts'],
          ...withPostgres,
          ...parallel,
          sequence: { groupOrder: 1 },
        },
      },
      // Kills processes and servers for minutes. One suite at a time, because each needs the whole machine.
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/*.chaos-spec.ts'],
          ...withPostgres,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      // Breaks one promise after the other, and runs its test in a run of its own.
      {
        extends: true,
        test: { name: 'mutations', include: ['test/mutations/*.mutation-spec.ts'], testTimeout: 900_000 },
      },
      // Needs programs that npm does not install: Chromium, curl, PgBouncer, promtool and LibreOffice.
      { extends: true, test: { name: 'outside', include: ['test/outside/*.outside-spec.ts'], ...withPostgres } },
    ],
  },
});
