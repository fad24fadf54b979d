import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createDatabase, type TestDatabase } from './support/database.js';
import { MetadataHost } from './support/metadata-host.js';

const CLI = fileURLToPath(new URL('../dist/src/cli.js', import.meta.url));
const OWNER = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

let database: TestDatabase;
let metadataApi: MetadataHost;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

/** The built command line as a process. Needs `npm run build`, which `npm test` does. */
async function cli(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: database.url, FETCH_ALLOWED_HOSTS: metadataApi.host };
  const child = spawn(process.execPath, [CLI, ...args], { env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const status = await new Promise<number>((done) => child.once('close', (code) => done(code ?? -1)));
  return { status, out, err };
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { status, out, err } = await cli(...args, '--json');
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out) as Record<string, unknown>;
}

it('does all that an operator needs, from a project to a finished refresh, without a running service', async () => {
  const { project_id } = await json(
    'project',
    'create',
    '--name',
    'Studio',
    '--owner',
    OWNER,
    '--tokens-per-hour',
    '5000',
  );
  const { api_key } = await json('api-key', 'create', '--project', String(project_id));
  expect(api_key).toMatch(/^nft_[0-9a-f]{12}_/);
  const address = `0x${'ab'.repeat(20)}`;
  const added = ['--address', address, '--metadata-url', metadataApi.url, '--tokens', '1-1200,5000'];
  expect(await json('collection', 'add', '--project', String(project_id), ...added)).toMatchObject({ tokens: 1201 });
  metadataApi.answer('7', 404);

  expect(await json('refresh', '--collection', address, '--all', '--wait')).toMatchObject({
    succeeded: 1200,
    failed: 1,
  });

  const prefix = String(api_key).split('_')[1]!;
  expect(await json('api-key', 'revoke', '--project', String(project_id), '--prefix', prefix)).toEqual({
    revoked: prefix,
  });
  expect((await cli('api-key', 'revoke', '--project', String(project_id), '--prefix', prefix)).status).toBe(1);
});

it.each<[string, string[], RegExp]>([
  ['an unknown command', ['projects'], /unknown command/],
  ['a missing option', ['project', 'create', '--name', 'A'], /--owner/],
  ['an owner that is no address', ['project', 'create', '--name', 'A', '--owner', '0x1'], /is not an address/],
  ['an unknown project', ['api-key', 'create', '--project', 'nobody'], /does not exist/],
  ['no metadata URL', ['collection', 'add', '--project', 'p', '--address', OWNER], /--metadata-url is missing/],
  [
    'the chain as source',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--source', 'chain'],
    /not supported yet/,
  ],
  [
    'tokens that are none',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--metadata-url', 'http://a', '--tokens', '1-x'],
    /not a token id/,
  ],
  ['an unknown collection', ['refresh', '--collection', OWNER, '--all'], /is not registered/],
])('answers %s with one line and status 1', async (_, args, message) => {
  const { status, out, err } = await cli(...args);

  expect(status).toBe(1);
  expect(out).toBe('');
  expect(err).toMatch(message);
  expect(err.trim().split('\n').length).toBeLessThanOrEqual(2);
});
