import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestApp } from './start-app.js';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

export interface ServiceProcess {
  process: ChildProcess;
  url: string;
}

/** The built service as a process of its own, on the test's database. Needs `npm run build`, which `npm test` does. */
export async function startServiceProcess(test: TestApp, runMode: 'api' | 'worker' | 'all'): Promise<ServiceProcess> {
  const service = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      RUN_MODE: runMode,
      PORT: '0',
      DATABASE_URL: test.database.url,
      FETCH_ALLOWED_HOSTS: test.metadataApi.host,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  service.stdout.on('data', (chunk) => (out += String(chunk)));
  const url = await vi.waitUntil(() => /"msg":"ready","url":"([^"]+)"/.exec(out)?.[1], {
    timeout: 40_000,
    interval: 50,
  });
  return { process: service, url: url! };
}
