import { ChainStatuses } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { id, toBeHex, type BaseContract } from 'ethers';
import { delay, rounds, waitUntil } from '../support/crash-test.js';
import { http } from '../support/project-api.js';
import { RpcHost } from '../support/rpc-host.js';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.js';
import { startApp, type TestApp, type TestProject } from '../support/start-app.js';
import { ids } from '../support/token-ids.js';
import { watchCollection } from '../support/watched-collection.js';

/** A process that watches, with its way to the node, which tells whether it reads the chain. */
interface Watcher {
  process: ServiceProcess;
  node: RpcHost;
}

let anvil: Anvil;
let test: TestApp;
let cards: BaseContract;
const watchers: Watcher[] = [];
beforeAll(async () => {
  anvil = await Anvil.start();
});
afterAll(() => anvil.stop());
beforeEach(async () => {
  test = await startApp({ chainEvents: { enabled: true }, metadataFetch: { rpcUrls: { [anvil.chainId]: anvil.url } } });
  cards = await anvil.deploy('AnnouncedCards');
});
afterEach(async () => {
  for (const watcher of watchers.splice(0)) await end(watcher, 'SIGKILL');
  await test.stop();
});

async function startWatcher(): Promise<Watcher> {
  const node = await RpcHost.start(anvil);
  const process = await startServiceProcess(test, 'all', [], {
    FETCH_ALLOWED_HOSTS: `${test.metadataApi.host},${node.host}`,
    RPC_URLS: `${anvil.chainId}=${node.url}`,
    CHAIN_EVENTS: 'true',
    CHAIN_POLL_INTERVAL_MS: '100',
    CHAIN_SETTLE_SECONDS: '0',
    EVENT_MIN_INTERVAL_SECONDS: '0',
  });
  const watcher = { process, node };
  watchers.push(watcher);
  return watcher;
}

async function end({ process, node }: Watcher, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  process.process.kill('SIGCONT');
  await process.end(signal);
  await node.close();
}

/** Two processes, and a collection whose events one of them reads. */
async function startWatching(
  tokens: readonly string[],
): Promise<{ project: TestProject; reading: Watcher; standby: Watcher }> {
  const project = await watchCollection(test, anvil, cards, { tokens });
  const [one, other] = [await startWatcher(), await startWatcher()];
  await isRead();
  const [reading, standby] = readsChain(one) ? [one, other] : [other, one];
  return { project, reading: reading!, standby: standby! };
}

/** Any process may read a contract, and only one of them reads blocks. */
const readsChain = ({ node }: Watcher) => node.requests.flat().some(({ method }) => method === 'eth_getBlockByNumber');
const update = (tokenId: string) => anvil.send(cards, 'emitLog', [id('MetadataUpdate(uint256)')], toBeHex(tokenId, 32));
const isFetched = (tokenId: string) => waitUntil(() => test.metadataApi.hits.has(tokenId));
const isRead = () => waitUntil(async () => (await status()).state === 'reading' && (await status()).readBlock !== null);
const status = async () => (await test.app.get(ChainStatuses).list())[0]!;

/** How many refreshes for events have processed each token. */
async function eventResults(): Promise<Record<string, number>> {
  const rows = await test.database.query<{ tokenId: string; results: number }>(
    `select result.token_id::text as "tokenId", count(*)::int as results
     from nft_metadata.refresh_results as result
     join nft_metadata.refreshes as refresh on refresh.id = result.refresh_id and refresh.trigger = 'event'
     group by result.token_id order by result.token_id`,
  );
  return Object.fromEntries(rows.map(({ tokenId, results }) => [tokenId, results]));
}

/** Waits until each of these tokens was refreshed, and fails if any was refreshed twice. */
async function haveResults(tokenIds: readonly string[]): Promise<void> {
  await waitUntil(async () => Object.keys(await eventResults()).length === tokenIds.length);
  expect(await eventResults()).toEqual(onceEach(tokenIds));
}

const onceEach = (tokenIds: readonly string[]) => Object.fromEntries(tokenIds.map((tokenId) => [tokenId, 1]));

it('of two processes one reads the chain; when it is killed, the other one goes on within ten seconds, and no event counts twice [N7]', async () => {
  const { reading, standby } = await startWatching(['1', '2', '3']);
  await update('1');
  await haveResults(['1']);
  expect(readsChain(standby)).toBe(false);

  await end(reading, 'SIGKILL');
  const killedAt = performance.now();
  await update('2');
  await waitUntil(() => readsChain(standby));
  const seconds = (performance.now() - killedAt) / 1000;
  await isFetched('2');
  await update('3');
  await isFetched('3');

  expect(seconds).toBeLessThan(10);
  await haveResults(['1', '2', '3']);
});

it('when the process that reads the chain is stopped, the other one goes on at once [N7]', async () => {
  const { reading, standby } = await startWatching(['1']);

  await end(reading, 'SIGTERM');
  const stoppedAt = performance.now();
  await waitUntil(() => readsChain(standby));

  // The lease would have lasted for eight.
  expect((performance.now() - stoppedAt) / 1000).toBeLessThan(4);
  await update('1');
  await isFetched('1');
});

it('a process that was suspended while another one took over its chain saves nothing when it wakes up [N7]', async () => {
  const { reading, standby } = await startWatching(['1', '2']);
  reading.process.process.kill('SIGSTOP');
  await test.database.advance(8);
  await update('1');
  await isFetched('1');

  reading.process.process.kill('SIGCONT');
  await update('2');
  await isFetched('2');

  expect(readsChain(standby)).toBe(true);
  await haveResults(['1', '2']);
});

it.each(rounds(2))(
  'processes that are killed at random moments while events come miss none of them, and none counts twice: round %i [N7]',
  async () => {
    const tokens = ids(12);
    const { project } = await startWatching(tokens);

    for (const tokenId of tokens) {
      await update(tokenId);
      if (Number(tokenId) % 4 > 0) continue;
      await delay(Math.random() * 300);
      await end(watchers.shift()!, 'SIGKILL');
      // The leases of what it was reading, requesting and fetching.
      await test.database.advance(31);
      await startWatcher();
    }
    await waitUntil(async () => {
      await test.database.advance(1);
      return Object.keys(await eventResults()).length === tokens.length;
    });

    expect(await eventResults()).toEqual(onceEach(tokens));
    const path = `/v1/metadata-refreshes?trigger=event`;
    const { body } = await http(test.app).get(path).set('x-api-key', project.apiKey).expect(200);
    const refreshes = (body as { result: { status: string; summary: { failed: number } }[] }).result;
    expect(refreshes.every(({ status, summary }) => status === 'completed' && summary.failed === 0)).toBe(true);
  },
);
