import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Anvil, MetadataHost, prepareBombs } from '@app/testing';
import { AbiCoder } from 'ethers';
import { RpcHost, URI } from '../support/rpc-host.js';

const PROGRAM = fileURLToPath(new URL('../../dist/test/support/fetching-program.js', import.meta.url));
const MB = 2 ** 20;

let host: MetadataHost;
beforeAll(async () => {
  prepareBombs();
  host = await MetadataHost.start();
});
afterAll(() => host.close());

/** Of a process that has just started, in bytes. Compiled, since the thread for large documents is there only then. */
async function runAmong(
  sources: readonly string[],
  env: Record<string, string> = {},
): Promise<{ growth: number; fetched: number }> {
  const command = [PROGRAM, ...['/responds-well', ...sources].map((source) => source.replace(/^\//, `${host.url}/`))];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env: { ...process.env, ...env } });
  return JSON.parse(stdout) as { growth: number; fetched: number };
}

it('all hostile responses together take a process that has just started less than 100 MB [C21]', async () => {
  const hostile = MetadataHost.paths().filter((path) => !path.startsWith('/sends-5-MB'));

  expect((await runAmong(hostile)).growth).toBeLessThan(100 * MB);
});

it('bodies whose bytes come in chunks of their own need no more memory than others', async () => {
  const { growth } = await runAmong(Array<string>(8).fill('/sends-200-KB-in-chunks-of-a-byte'));

  expect(growth).toBeLessThan(50 * MB);
});

describe('contracts that return documents', () => {
  let anvil: Anvil;
  let node: RpcHost;
  beforeAll(async () => {
    anvil = await Anvil.start();
    node = await RpcHost.start(anvil);
  });
  afterAll(async () => {
    await node.close();
    await anvil.stop();
  });

  async function runWithDocumentsOf(bytes: number): ReturnType<typeof runAmong> {
    const document = `data:application/json,{"name":"${'a'.repeat(bytes)}"}`;
    const result = AbiCoder.defaultAbiCoder().encode(['string'], [document]);
    node.misbehaveAlways((responses, calls) => {
      if (!calls[0]?.params[0]?.data?.startsWith(URI)) return responses;
      // Two are too many already, and the text of a hundred would be longer than any may be.
      return responses.map((one, index) => (index < 2 || bytes < MB ? { ...one, result } : one));
    });
    const address = await (await anvil.deploy('Potions')).getAddress();
    return runAmong([`chain:${address}`], { NODE_URL: node.url });
  }

  it('a contract that returns a document of 2 MB for each of 100 tokens takes less than 200 MB of memory, and the tokens that have no room are left for later', async () => {
    const { growth, fetched } = await runWithDocumentsOf(2 * MB);

    expect(growth).toBeLessThan(200 * MB);
    expect(fetched).toBeGreaterThan(0);
  });

  it('a contract that returns a document of 100 KB for each of 100 tokens has room for all of them', async () => {
    expect((await runWithDocumentsOf(100_000)).fetched).toBe(100);
  });
});
