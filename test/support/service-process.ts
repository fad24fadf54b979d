import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from '@app/testing';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

export interface ServiceProcess {
  process: ChildProcess;
  url: string;
  /** Standard output and standard error so far. */
  output(): string;
  /** Sends the signal and waits for the exit. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<{ status: number | null; milliseconds: number }>;
}

interface Environment {
  database: { url: string };
  metadataApi: { host: string };
}

/**
 * Starts the built service as a process on the test's database. Needs `npm run build`, which `npm test` does.
 */
export async function startServiceProcess(
  { database, metadataApi }: Environment,
  runMode: 'api' | 'worker' | 'all',
  nodeOptions: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> {
  const service = spawn(process.execPath, [...nodeOptions, MAIN], {
    env: {
      PATH: process.env['PATH'],
      RUN_MODE: runMode,
      PORT: '0',
      DATABASE_URL: database.url,
      FETCH_ALLOWED_HOSTS: metadataApi.host,
      // Without processes that a SIGKILL of this one does not end at once.
      WORKERS: runMode === 'api' ? '' : '1',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  reapOnExit(service);
  let out = '';
  service.stdout.on('data', (chunk) => (out += String(chunk)));
  service.stderr.on('data', (chunk) => (out += String(chunk)));
  const url = await vi.waitUntil(
    () => {
      if (service.exitCode !== null) throw new Error(`The service did not start:\n${out}`);
      return /"msg":"ready","url":"([^"]+)"/.exec(out)?.[1];
    },
    { timeout: 60_000, interval: 50 },
  );
  return {
    process: service,
    url: url!,
    output: () => out,
    async end(signal) {
      const startedAt = performance.now();
      if (service.exitCode === null && service.signalCode === null) {
        service.kill(signal);
        await once(service, 'exit');
      }
      return { status: service.exitCode, milliseconds: performance.now() - startedAt };
    },
  };
}

/** Runs the built service until it exits. Returns its exit code and output. */
export async function runServiceToItsEnd(
  env: Readonly<Record<string, string>>,
  main = MAIN,
): Promise<{ status: number | null; out: string; err: string }> {
  const service = spawn(process.execPath, [main], { env: { PATH: process.env['PATH'], PORT: '0', ...env } });
  let [out, err] = ['', ''];
  service.stdout.on('data', (chunk) => (out += String(chunk)));
  service.stderr.on('data', (chunk) => (err += String(chunk)));
  await once(service, 'close');
  return { status: service.exitCode, out, err };
}
