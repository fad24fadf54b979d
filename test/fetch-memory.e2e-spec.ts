import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { prepareBombs } from './support/host-behaviours.js';
import { MetadataHost } from './support/metadata-host.js';

const PROGRAM = fileURLToPath(new URL('../dist/test/support/fetching-program.js', import.meta.url));
const MB = 2 ** 20;

let host: MetadataHost;
beforeAll(async () => {
  prepareBombs();
  host = await MetadataHost.start();
});
afterAll(() => host.close());

/** In bytes, of a process that has just started. Compiled, since the thread for large documents is there only then. */
async function growthAmong(paths: readonly string[]): Promise<number> {
  const urls = ['/answers-well', ...paths].map((path) => `${host.url}${path}`);
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...urls]);
  return Number(stdout);
}

it('all hostile answers together take a process that has just started less than 100 MB [C21]', async () => {
  const hostile = MetadataHost.paths().filter((path) => !path.startsWith('/sends-5-MB'));

  expect(await growthAmong(hostile)).toBeLessThan(100 * MB);
});

it('bodies whose bytes come in chunks of their own take no more than others', async () => {
  expect(await growthAmong(Array<string>(8).fill('/sends-200-KB-in-chunks-of-a-byte'))).toBeLessThan(50 * MB);
});
