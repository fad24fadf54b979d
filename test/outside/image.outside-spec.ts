import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MetadataHost, reapOnExit } from '@app/testing';
import { createEmptyDatabase } from '../support/database.js';
import { buildInFolders } from '../support/dockerfile-build.js';
import { imageVariables, lastOf, parseStages } from '../support/dockerfile.js';
import { findFreePort } from '../support/host-process.js';

// Installs all packages twice: takes minutes, and needs a package registry.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

const run = promisify(execFile);

/** Kubernetes runs the image as this user, who may not write to it. Only root can become another user. */
const USER = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};

let root: string;
let temporary: string;
let metadataApi: MetadataHost;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
beforeAll(async () => {
  root = await buildInFolders();
  temporary = await mkdtemp(join(tmpdir(), 'nft-refresh-image-tmp-'));
  await chmod(temporary, 0o777);
  // The Node.js of this process may be in a folder that other users cannot enter.
  await cp(process.execPath, join(temporary, 'node'));
  metadataApi = await MetadataHost.start();
  database = await createEmptyDatabase();
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
  for (const folder of [dirname(root), temporary]) await rm(folder, { recursive: true, force: true });
});

/** The variables, the folder and the user of a container. */
const container = (variables: Readonly<Record<string, string>> = {}) => ({
  ...USER,
  cwd: join(root, lastOf(parseStages().at(-1)!, 'WORKDIR')![0]!),
  env: {
    ...imageVariables(),
    DATABASE_URL: database.url,
    FETCH_ALLOWED_HOSTS: metadataApi.host,
    PATH: `${temporary}:/usr/bin:/bin`,
    TMPDIR: temporary,
    ...variables,
  },
});

/** Throws with the output if the command fails. */
async function cli(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run('node', ['dist/src/cli.js', ...args, '--json'], container());
  return JSON.parse(stdout) as Record<string, unknown>;
}

it('what the Dockerfile builds migrates a database, refreshes tokens, becomes healthy and ends on SIGTERM, as a user that may not write to it', async () => {
  const image = parseStages().at(-1)!;
  const port = String(await findFreePort());
  const health = image.instructions.find(({ keyword }) => keyword === 'HEALTHCHECK')!.text.replace(/^CMD /, '');
  const isHealthy = () =>
    run('sh', ['-c', health], container({ PORT: port })).then(
      () => true,
      () => false,
    );
  const address = `0x${'a1'.repeat(20)}`;
  const { applied } = await cli('migrate');
  const { project_id: project } = await cli('project', 'create', '--name', 'Studio', '--owner', address);
  const collection = ['--project', String(project), '--address', address, '--metadata-url', metadataApi.url];
  await cli('collection', 'add', ...collection, '--tokens', '1-3');

  const before = await isHealthy();
  const [program, ...args] = lastOf(image, 'CMD')!;
  // Two workers are processes of their own.
  const service = reapOnExit(spawn(program!, args, { ...container({ PORT: port, WORKERS: '2' }), stdio: 'ignore' }));
  await vi.waitUntil(isHealthy, { timeout: 60_000 });
  const refreshed = await cli('refresh', '--collection', address, '--tokens', '1-3', '--wait');
  service.kill('SIGTERM');
  await once(service, 'exit');

  expect(applied).not.toEqual([]);
  expect(before).toBe(false);
  expect(refreshed).toMatchObject({ succeeded: 3, failed: 0 });
  expect(service.exitCode).toBe(0);
});
