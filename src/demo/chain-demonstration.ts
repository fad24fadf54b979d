import { ChainStatuses, WatchedCollections } from '@app/chain-events';
import type { Anvil, MetadataHost } from '@app/testing';
import { Collections } from '@app/token-store';
import { Listings } from '../listings/listings.js';
import type { Service } from '../start-service.js';
import type { ApiClient } from './api-client.js';
import { say } from './report.js';

/** Shorter than the defaults, so that the demonstration is. */
export const CHAIN_VARIABLES = {
  CHAIN_EVENTS: 'true',
  CHAIN_POLL_INTERVAL_MS: '500',
  CHAIN_SETTLE_SECONDS: '1',
  EVENT_MIN_INTERVAL_SECONDS: '1',
};
const TOKEN_ID = '1';
const TIMEOUT_MS = 60_000;
const LOOK_INTERVAL_MS = 50;

interface Stage {
  service: Service;
  client: ApiClient;
  metadataApi: MetadataHost;
  anvil: Anvil;
  projectId: string;
}

/** On a local chain: a mint, a change that the contract announces, and a reorganisation. Whether the listing page followed. */
export async function demonstrateChain(stage: Stage): Promise<boolean> {
  const { metadataApi, anvil } = stage;
  say('\nA contract on a local chain announces what happens to its tokens. Nobody requests a refresh …');
  const documents = { calm: 'Lightship, calm', storm: 'Lightship, in a storm' };
  for (const [path, name] of Object.entries(documents)) {
    metadataApi.script(path, {
      status: 200,
      body: { name, image: 'https://lighthouses.example/images/lightship.png' },
    });
  }
  const ships = await anvil.deploy('AnnouncedCards');
  const address = (await ships.getAddress()).toLowerCase();
  await watch(stage, address);
  const uriOf = (path: keyof typeof documents) => `${metadataApi.url}/${path}`;

  const minted = await anvil.send(ships, 'mint', TOKEN_ID, uriOf('calm'));
  const steps = [await follow(stage, address, `Block ${minted.blockNumber}: token 1 is minted.`, documents.calm)];
  const changed = await anvil.send(ships, 'setUri', TOKEN_ID, uriOf('storm'));
  steps.push(await follow(stage, address, `Block ${changed.blockNumber}: MetadataUpdate(1).`, documents.storm));
  await anvil.reorganise(1);
  const dropped = `Reorganisation: the chain drops block ${changed.blockNumber}.`;
  steps.push(await follow(stage, address, dropped, documents.calm));
  return steps.every(Boolean);
}

/** Registers the collection and a listing of its first token, and waits until the chain is read. */
async function watch({ service: { app }, anvil, projectId }: Stage, address: string): Promise<void> {
  const { id: collectionId } = await app.get(Collections).add({
    chainId: anvil.chainId,
    address,
    projectId,
    source: { kind: 'chain', uriRule: null },
  });
  const seller = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
  await app
    .get(Listings)
    .putUp([{ collectionId, tokenId: TOKEN_ID, seller, price: '1000000000000000000', currency: 'ETH' }]);
  await app.get(WatchedCollections).set(collectionId, { events: true, discover: 'mints' });
  await until(async () => (await app.get(ChainStatuses).list())[0]?.readBlock !== null);
}

/** Says how long it took until the listing page showed the token with this name. */
async function follow({ client, anvil }: Stage, address: string, event: string, name: string): Promise<boolean> {
  const startedAt = performance.now();
  const isShown = await until(async () => {
    const [listing] = await client.readListings(`collection_address=${address}&chain_id=${anvil.chainId}`);
    return listing?.token?.name === name;
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  say(
    `  ${event.padEnd(46)} ${isShown ? `The listing page shows "${name}" after ${seconds} s` : `Not shown: "${name}"`}`,
  );
  return isShown;
}

async function until(condition: () => Promise<boolean>): Promise<boolean> {
  const endsAt = performance.now() + TIMEOUT_MS;
  while (performance.now() < endsAt) {
    if (await condition()) return true;
    await new Promise((next) => setTimeout(next, LOOK_INTERVAL_MS));
  }
  return false;
}
