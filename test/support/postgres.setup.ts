import type { TestProject } from 'vitest/node';
import { startPostgresServer } from './postgres-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of the run's server, with the template database that each suite copies. */
    templateUrl: string;
  }
}

/** One server for the run, and in it one migrated database that every suite gets a copy of. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  // Suites that kill the server have one of their own. This one only sees our processes die: no need to wait for the disk.
  const server = await startPostgresServer(['fsync=off', 'synchronous_commit=off', 'max_connections=200']);
  project.provide('templateUrl', server.templateUrl);
  return () => server.remove();
}
