import { MetadataFetcher, type FetchOutcome, type FetchTarget } from '@app/metadata-fetch';
import { Anvil } from '@app/testing';
import type { LoggerService } from '@nestjs/common';
import { AbiCoder, toBeHex, Wallet, type BaseContract } from 'ethers';
import { http, readAttempts, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startWithPotions } from './support/potions.js';
import { RpcHost, URI, type Call, type RpcBehaviour } from './support/rpc-host.js';
import type { TestApp, TestProject } from './support/start-app.js';

const TOKENS = Array.from({ length: 50 }, (_, index) => String(index + 1));

let anvil: Anvil;
let potions: BaseContract;
let rpc: RpcHost;
let test: TestApp;
beforeAll(async () => {
  anvil = await Anvil.start();
  potions = await anvil.deploy('Potions');
});
afterAll(() => anvil.stop());
beforeEach(async () => {
  rpc = await RpcHost.start(anvil);
});
afterEach(async () => {
  await test.stop();
  await rpc.close();
});

/** The application with this URL for the chain, and a collection whose tokens have their documents on `metadataApi`. */
async function aProject({
  rpcUrl = rpc.url,
  allowed = [rpc],
  rpcDeadlineMs = 2000,
  safeHttp = {},
}: {
  rpcUrl?: string;
  allowed?: readonly { host: string }[];
  rpcDeadlineMs?: number;
  safeHttp?: { deadlineMs?: number };
} = {}): Promise<TestProject> {
  const options = { metadataFetch: { rpcUrls: { [anvil.chainId]: rpcUrl }, rpcDeadlineMs }, safeHttp };
  const started = await startWithPotions({ anvil, contract: potions }, TOKENS, options, allowed);
  test = started.test;
  return started.project;
}

const summaryOf = async (project: TestProject, refreshId: string) =>
  (await readRefresh(test.app, project, refreshId))['summary'];

const tokenOf = (address: string, tokenId: string): FetchTarget => ({
  source: { kind: 'chain', chainId: anvil.chainId, address, uriRule: 'standard' },
  tokenId,
});
const reasonOf = (outcome: FetchOutcome) => ('reason' in outcome ? outcome.reason : outcome.kind);

const isAbout = (tokenId: string) => (call: Call) => call.params[0]?.data === `${URI}${toBeHex(tokenId, 32).slice(2)}`;

/** Runs, and lets the time of the next pause go by. */
async function runAndWait(seconds: number): Promise<void> {
  await test.worker.runOnce();
  await test.database.advance(seconds);
}

it.each<[string, RpcBehaviour, RpcBehaviour?]>([
  ['hangs', 'hangs'],
  // A connection that was kept open and closed meanwhile is dialled again.
  ['closes the connection', 'closes immediately', 'closes immediately'],
  ['responds with 500', { status: 500 }],
  ['answers with a web page', { status: 200, body: '<html>' }],
  ['answers nothing', { status: 200 }],
  ['redirects', { status: 307, headers: { location: 'http://169.254.169.254/' } }],
  ['takes no batches', { status: 200, body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}' }],
  [
    'has an error for each call',
    (responses) => responses.map(({ id }) => ({ id, error: { code: -32_000, message: 'header not found' } })),
  ],
  [
    'says in each answer that there were too many',
    (responses) => responses.map(({ id }) => ({ id, error: { code: -32_005, message: 'limit exceeded' } })),
  ],
])('while the node %s, its tokens do not fail and are requested again [A9]', async (_, ...behaviours) => {
  const project = await aProject();
  rpc.misbehave(...behaviours.filter((behaviour) => behaviour !== undefined));
  const refreshId = await requestRefresh(test.app, project, ['1']);

  await runAndWait(5);
  const record = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1`).expect(200);
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 0, failed: 0, pending: 1 });
  expect(record.body).toMatchObject({ metadata_status: 'pending', last_error_code: null });

  await test.worker.runOnce();
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 1, failed: 0 });
  expect(await readAttempts(test.app, project, '1')).toMatchObject([
    { outcome: 'fetched', attempt: 2 },
    { outcome: 'unreachable', reason: 'rpc_error', status_code: null, url: '', attempt: 1 },
  ]);
});

it('a node that never responds is called ten times, and its tokens fail as rpc_error and not as not found [A9]', async () => {
  const project = await aProject();
  rpc.misbehaveAlways({ status: 503 });
  const refreshId = await requestRefresh(test.app, project, ['1', '2']);

  for (let tries = 0; tries < 10; tries += 1) {
    expect(await summaryOf(project, refreshId)).toMatchObject({ pending: 2 });
    await runAndWait(80);
  }

  expect(await readErrors(test.app, project, refreshId)).toMatchObject([
    { error_code: 'unable_to_retrieve_metadata', reason: 'rpc_error', client_response_status_code: null },
    { error_code: 'unable_to_retrieve_metadata', reason: 'rpc_error', client_response_body: null },
  ]);
  expect(rpc.requests.length).toBe(10);
});

it.each<[string, string, RpcBehaviour]>([
  [
    'has an error',
    '[A10]',
    (responses, calls) =>
      responses.map((one) =>
        isAbout('13')(calls[Number(one.id)]!) ? { id: one.id, error: { code: -32_000, message: 'missing' } } : one,
      ),
  ],
  ['has no answer', '[A11]', (responses, calls) => responses.filter(({ id }) => !isAbout('13')(calls[Number(id)]!))],
])('when one call of a batch %s the others continue, and that token is tried again %s', async (_, __, behaviour) => {
  const project = await aProject();
  rpc.misbehave(...TOKENS.map(() => behaviour));
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await test.worker.runOnce();
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 49, failed: 0, pending: 1 });
  expect(await readAttempts(test.app, project, '13')).toMatchObject([{ reason: 'rpc_error', attempt: 1 }]);

  await test.database.advance(5);
  rpc.misbehaveAlways((responses) => responses);
  await test.worker.runOnce();
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 50, failed: 0, pending: 0 });
});

it('after a 429 nothing is lost, and the node is not called for the seconds of its Retry-After [A12]', async () => {
  const project = await aProject();
  rpc.misbehaveAlways({ status: 429, headers: { 'retry-after': '20' } });
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await runAndWait(15);
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 0, failed: 0, pending: 50 });
  const asked = rpc.requests.length;
  rpc.misbehaveAlways(undefined);
  await runAndWait(10);
  expect(rpc.requests.length).toBe(asked);

  await test.worker.runOnce();
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 50, failed: 0, pending: 0 });
});

it('a token whose URI is larger than the limit fails alone', async () => {
  const project = await aProject();
  const huge = `0x${'00'.repeat(3 * 1024 * 1024)}`;
  rpc.misbehaveAlways((responses, calls) =>
    responses.map((one) => (isAbout('13')(calls[Number(one.id)]!) ? { ...one, result: huge } : one)),
  );
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 49, failed: 1 });
  expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ token_id: '13', reason: 'too_large' }]);
});

it('tokens whose URIs contain their documents are requested in batches that fit, once their size is known', async () => {
  await aProject({ rpcDeadlineMs: 15_000 });
  const fetcher = test.app.get(MetadataFetcher);
  const address = await potions.getAddress();
  const tokens = TOKENS.map((tokenId) => tokenOf(address, tokenId));
  const uri = (id: number) => `data:application/json,{"name":"${id}","description":"${'a'.repeat(30_000)}"}`;
  rpc.misbehaveAlways((responses, calls) =>
    responses.map((one) =>
      calls.every((call) => call.params[0]?.data?.startsWith(URI))
        ? { ...one, result: AbiCoder.defaultAbiCoder().encode(['string'], [uri(Number(one.id))]) }
        : one,
    ),
  );
  const fetchAll = () => {
    // Not through a worker: it claims fewer tokens at once from a host that responds slowly.
    fetcher.prepare(tokens);
    return Promise.all(tokens.map((token) => fetcher.fetch(token)));
  };
  await fetchAll();
  const asked = rpc.asking(URI).length;

  const outcomes = await fetchAll();

  expect(outcomes.map(reasonOf)).toEqual(tokens.map(() => 'fetched'));
  const again = rpc.asking(URI).slice(asked);
  // Each once: 50 responses of 60 KB, of which a MiB has room for 17.
  expect(again.map((calls) => calls.length)).toEqual([17, 17, 16]);
});

it('a contract that waits too long behind others is busy, its node is not blamed, and it can be called again', async () => {
  await aProject();
  const fetcher = test.app.get(MetadataFetcher);
  const token = tokenOf(await potions.getAddress(), '1');
  const others = Array.from({ length: 8 }, () => tokenOf(Wallet.createRandom().address, '1'));
  rpc.misbehaveAlways('hangs');

  // All at the same time, however slow the machine is: the wait is measured from here.
  fetcher.prepare([...others, token]);
  const outcomes = await Promise.all([...others, token].map((each) => fetcher.fetch(each)));
  const asked = rpc.requests.length;
  rpc.misbehaveAlways(undefined);
  const again = await fetcher.fetch(token);

  expect(outcomes.map(reasonOf)).toEqual([...others.map(() => 'rpc_error'), 'busy']);
  expect(asked).toBe(others.length);
  expect(reasonOf(again)).toBe('fetched');
});

it('a contract whose next batch waits too long behind others is busy, and its node is not blamed', async () => {
  await aProject({ rpcDeadlineMs: 4000 });
  const fetcher = test.app.get(MetadataFetcher);
  const address = await potions.getAddress();
  const isOfOthers = ({ method, params }: Call) =>
    method === 'eth_call' && params[0]?.to?.toLowerCase() !== address.toLowerCase();
  // Known, so that its first batch takes one request and little of the deadline.
  await fetcher.fetch(tokenOf(address, '1'));
  rpc.misbehaveAlways((responses, calls) => (calls.some(isOfOthers) ? new Promise(() => {}) : responses));
  // Two batches, and as many others as are asked at once.
  const tokens = Array.from({ length: 101 }, (_, index) => tokenOf(address, String(index)));
  const others = Array.from({ length: 8 }, () => tokenOf(Wallet.createRandom().address, '1'));

  fetcher.prepare([...tokens, ...others]);

  expect(reasonOf(await fetcher.fetch(tokens[0]!))).toBe('fetched');
  expect(reasonOf(await fetcher.fetch(tokens[100]!))).toBe('busy');
  expect(reasonOf(await fetcher.fetch(others[0]!))).toBe('rpc_error');
});

it('a contract whose large responses find no free buffer in time is busy, its node is not blamed, and no further token is requested', async () => {
  // The large bodies last longer than the wait for a buffer, however slow the machine is.
  await aProject({ rpcDeadlineMs: 4000, safeHttp: { deadlineMs: 30_000 } });
  const fetcher = test.app.get(MetadataFetcher);
  const address = await potions.getAddress();
  // Known, so that the requests below take little of the deadline.
  await fetcher.fetch(tokenOf(address, '1'));
  const asked = rpc.asking(URI).length;
  const uri = `data:application/json,{"name":"${'a'.repeat(400_000)}"}`;
  const result = AbiCoder.defaultAbiCoder().encode(['string'], [uri]);
  rpc.misbehaveAlways((responses, [call]) =>
    call?.params[0]?.data?.startsWith(URI) ? responses.map((one) => ({ ...one, result })) : responses,
  );
  test.metadataApi.misbehave('large', 'drips a large body');
  const source = { kind: 'metadata_api' as const, url: `${test.metadataApi.url}/drips` };
  const end = new AbortController();
  const dripped = [1, 2].map(() => fetcher.fetch({ source, tokenId: 'large' }, end.signal));
  await vi.waitUntil(() => test.metadataApi.trafficOf('/drips').concurrent === 2, { timeout: 10_000 });
  const tokens = ['1', '2', '3', '4'].map((tokenId) => tokenOf(address, tokenId));

  fetcher.prepare(tokens);
  const outcomes = await Promise.all(tokens.map((token) => fetcher.fetch(token)));

  expect(outcomes.map(reasonOf)).toEqual(['busy', 'busy', 'busy', 'busy']);
  expect(
    rpc
      .asking(URI)
      .slice(asked)
      .map((calls) => calls.length),
  ).toEqual([4, 2, 1]);
  end.abort();
  await Promise.all(dripped);
});

it('a node of another chain is not used', async () => {
  const project = await aProject();
  rpc.misbehaveAlways((responses, calls) =>
    responses.map((one) => (calls[Number(one.id)]!.method === 'eth_chainId' ? { ...one, result: '0x5' } : one)),
  );
  const refreshId = await requestRefresh(test.app, project, ['1']);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ failed: 0, pending: 1 });
  expect(rpc.requests.flat().map(({ method }) => method)).toEqual(['eth_chainId']);
});

it('a node in a private network that is not exempt is never reached', async () => {
  const project = await aProject({ allowed: [] });
  const refreshId = await requestRefresh(test.app, project, ['1']);

  await test.worker.runOnce();

  expect(await readAttempts(test.app, project, '1')).toMatchObject([{ reason: 'rpc_error' }]);
  expect(await summaryOf(project, refreshId)).toMatchObject({ pending: 1 });
  expect(rpc.requests).toEqual([]);
});

it('a worker that stops does not wait for a node that hangs, and its tokens are due at once', async () => {
  const project = await aProject();
  rpc.misbehave('hangs');
  const refreshId = await requestRefresh(test.app, project, ['1']);
  test.worker.start();
  await vi.waitFor(() => expect(rpc.asking(URI).length).toBe(1), { timeout: 10_000 });

  await test.worker.stop();

  await test.worker.runOnce();
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 1 });
  expect(await readAttempts(test.app, project, '1')).toMatchObject([{ outcome: 'fetched', attempt: 1 }]);
});

it('secrets in an RPC URL are sent to the node, and do not appear anywhere else', async () => {
  const secrets = /hunter2|path-key|query-key|header-key/;
  const url = `http://user:hunter2@${rpc.host}/v3/path-key?key=query-key#x-node-key=header-key`;
  const project = await aProject({ rpcUrl: url });
  const lines: unknown[][] = [];
  const log = (...line: unknown[]) => lines.push(line);
  const recorder: LoggerService = { log, warn: log, error: log, debug: log, verbose: log, fatal: log };
  test.app.useLogger(recorder);
  rpc.misbehave({ status: 401, body: url }, 'closes immediately', 'closes immediately', { status: 200, body: url });
  const refreshId = await requestRefresh(test.app, project, ['1']);

  for (let tries = 0; tries < 4; tries += 1) await runAndWait(80);

  expect(rpc.lastUrl).toBe('/v3/path-key?key=query-key');
  expect(rpc.lastHeaders).toMatchObject({
    authorization: `Basic ${Buffer.from('user:hunter2').toString('base64')}`,
    'x-node-key': 'header-key',
  });
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 1 });
  expect((await readAttempts(test.app, project, '1')).length).toBeGreaterThan(2);
  expect(JSON.stringify(lines)).toMatch(/RPC node failed/);
  expect(JSON.stringify(lines)).not.toMatch(secrets);
  expect(await dumpOf(test)).not.toMatch(secrets);
});

/** Every row of every table of ours. */
async function dumpOf({ database }: TestApp): Promise<string> {
  const tables = await database.query<{ name: string }>(
    "select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema = 'nft_metadata'",
  );
  const dumps = await Promise.all(tables.map(({ name }) => database.query(`select row_to_json(t) from ${name} as t`)));
  return JSON.stringify(dumps);
}
