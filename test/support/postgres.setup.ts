import type { TestProject } from 'vitest/node';
import { startPostgresServer } from './postgres-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of the template database on the run's server. Each suite copies it. */
    templateUrl: string;
  }
}

/** Starts one server for the test run, with a migrated template database. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  // Suites that kill the server start their own, so this one does not need durability.
  const server = await startPostgresServer(['fsync=off', 'synchronous_commit=off', 'max_connections=200']);
  project.provide('templateUrl', server.templateUrl);
  return () => server.remove();
}
