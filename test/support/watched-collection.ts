import { ChainWatcher, WatchedCollections, type WatchChange } from '@app/chain-events';
import type { Anvil } from '@app/testing';
import type { BaseContract } from 'ethers';
import { http } from './project-api.js';
import type { TestApp, TestProject } from './start-app.js';

/** The settle time of the application in these suites, in seconds. */
const SETTLE_SECONDS = 5;

interface WatchedOptions {
  tokens?: readonly string[];
  watch?: WatchChange;
}

/** A collection whose events are read from now on, with its documents on `metadataApi`. */
export async function aWatchedCollection(
  test: TestApp,
  anvil: Anvil,
  contract: BaseContract,
  options?: WatchedOptions,
): Promise<TestProject> {
  const project = await watchCollection(test, anvil, contract, options);
  await test.app.get(ChainWatcher).runOnce();
  return project;
}

/** The same without a first poll: the events are read from the next one on, by any process. */
export async function watchCollection(
  test: TestApp,
  anvil: Anvil,
  contract: BaseContract,
  { tokens = [], watch = {} }: WatchedOptions = {},
): Promise<TestProject> {
  const address = await contract.getAddress();
  const project = await test.aProject({
    tokens,
    metadataUrl: `${test.metadataApi.url}/${address.toLowerCase()}`,
    contract: { chainId: anvil.chainId, address },
  });
  await test.app.get(WatchedCollections).set(project.collectionId, { events: true, ...watch });
  return project;
}

/** Leaves nothing of a test to the next one with the same application. */
export async function forgetWatches({ database, metadataApi }: TestApp): Promise<void> {
  await database.query('delete from nft_metadata.event_tokens');
  await database.query('delete from nft_metadata.event_ranges');
  await database.query('delete from nft_metadata.watched_collections');
  await database.query('delete from nft_metadata.collection_refreshes');
  await database.query('delete from nft_metadata.refreshes');
  metadataApi.forgetScripts();
  metadataApi.hits.clear();
}

/** The next watched collection is read from the newest block on, as if no process had read the chain before. */
export async function forgetChain({ app, database }: TestApp): Promise<void> {
  await database.query('delete from nft_metadata.chain_logs');
  await database.query('delete from nft_metadata.chain_cursors');
  // With no collection to watch, the process forgets what it has read.
  await app.get(ChainWatcher).runOnce();
}

/** Reads the chain, lets the settle time go by, and refreshes what is due. */
export async function follow(test: TestApp, seconds = SETTLE_SECONDS): Promise<void> {
  const watcher = test.app.get(ChainWatcher);
  await watcher.runOnce();
  await test.database.advance(seconds);
  await watcher.runOnce();
  await test.worker.runOnce();
}

/** The tokens that refreshes for events have fetched, and how often, since the last call. */
export function takeFetches({ metadataApi }: TestApp): Record<string, number> {
  const fetches = Object.fromEntries(
    [...metadataApi.hits].toSorted(([one], [other]) => (BigInt(one) < BigInt(other) ? -1 : 1)),
  );
  metadataApi.hits.clear();
  return fetches;
}

export async function readToken(
  test: TestApp,
  project: TestProject,
  tokenId: string,
): Promise<Record<string, unknown>> {
  const path = `/v1/collections/${project.collectionAddress}/tokens/${tokenId}`;
  return (await http(test.app).get(path).expect(200)).body as Record<string, unknown>;
}
