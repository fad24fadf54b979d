import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { Projects } from '@app/project-auth';
import { Anvil, MetadataHost } from '@app/testing';
import { Collections, TokenStore } from '@app/token-store';
import { SingleBar } from 'cli-progress';
import { Wallet } from 'ethers';
import { readEnvironment } from '../config/environment.js';
import { removeEmbeddedFolder } from '../database/embedded-folder.js';
import { enterEmbeddedPostgres } from '../database/embedded-postgres.js';
import { Listings } from '../listings/listings.js';
import { startService, type Service } from '../start-service.js';
import { stopSignal, unlessAborted, whenStopped, StopRequested } from '../stop-signal.js';
import { ApiClient, type RefreshBody } from './api-client.js';
import { CHAIN_VARIABLES, demonstrateChain } from './chain-demonstration.js';
import { differences, reportChange, reportListings, reportReceipt, say } from './report.js';
import { SAMPLE_SIZE, serveSamples, UNKNOWN_TOKENS } from './sample-collection.js';

// The first account of every development node: public on purpose.
const wallet = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const COLLECTION = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
const TOKEN_IDS = Array.from({ length: SAMPLE_SIZE }, (_, index) => String(index + 1));
/** Tokens for sale: most will be revealed, and two will fail. */
const FOR_SALE = ['1', '2', '3', '4', '5', '13', '113'];
/** Of this run only. */
const OPERATOR_SECRET = randomBytes(18).toString('base64url');
const HELP = `Usage: npm run demo [-- --once]

Shows a refresh of ${SAMPLE_SIZE} tokens on this machine, and a listing page that follows a contract, with an embedded PostgreSQL,
a Metadata API, a local chain and the service.
Stays up until Ctrl-C, so that you can open the console and try the API.

  --once  end after the demonstration, with status 1 if its outcome is not the expected one
  --help  show this help
`;
const isOnce = process.argv.includes('--once');

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(HELP);
  process.exit(0);
}

/** Stops what was started, newest first. */
const stops: (() => Promise<void>)[] = [];

const stopping = stopSignal();
try {
  const isExpected = await unlessAborted(stopping, demonstrate());
  if (isOnce) await finish(isExpected ? 0 : 1);
  await finish((await whenStopped(stopping)).exitStatus);
} catch (error) {
  if (error instanceof StopRequested) await finish(error.exitStatus);
  process.stderr.write(`The demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`);
  await finish(1);
}

async function demonstrate(): Promise<boolean> {
  say('Starting an embedded PostgreSQL, a Metadata API with 500 lighthouses, a local chain, and the service …');
  const metadataApi = await MetadataHost.start();
  serveSamples(metadataApi, false);
  stops.unshift(() => metadataApi.close());
  const anvil = await Anvil.start();
  stops.unshift(() => anvil.stop());
  const service = await startOnFreshDatabase(metadataApi, anvil);
  const { apiKey, projectId } = await registerCollection(service, metadataApi);
  const client = new ApiClient(service.url, wallet);

  say('First refresh, before the reveal …');
  await follow(client, await client.requestRefresh(COLLECTION, TOKEN_IDS), TOKEN_IDS.length);
  const before = await client.readListings();

  serveSamples(metadataApi, true);
  say(`The studio reveals its collection and sends a signed POST for ${SAMPLE_SIZE + UNKNOWN_TOKENS.length} tokens …`);
  const requested = [...TOKEN_IDS, ...UNKNOWN_TOKENS];
  const refreshId = await client.requestRefresh(COLLECTION, requested);
  const refresh = await follow(client, refreshId, requested.length);
  const errors = await client.readErrors(refreshId);

  const { succeeded, failed } = refresh.summary;
  say(`\nRefresh ${refreshId}: ${refresh.status}, ${succeeded} succeeded, ${failed} failed.\n`);
  reportReceipt(refresh);
  reportChange(await client.readToken(refreshId, FOR_SALE[0]!));
  reportListings('\nListings before:', before);
  reportListings('\nListings after:', await client.readListings());

  const hasFollowed = await demonstrateChain({ service, client, metadataApi, anvil, projectId });
  const wrong = [
    ...differences(refresh, errors),
    ...(hasFollowed ? [] : ['the listing page did not follow the chain']),
  ];
  say(
    wrong.length === 0 ? '\nThe outcome is the expected one.' : `\nNot the expected outcome:\n  ${wrong.join('\n  ')}`,
  );
  if (!isOnce) await sayWhatToTry(service, client, apiKey, refreshId);
  return wrong.length === 0;
}

async function startOnFreshDatabase(metadataApi: MetadataHost, anvil: Anvil): Promise<Service> {
  // Each demonstration has a folder of its own, because others may run or may have been killed.
  await mkdir('.data', { recursive: true });
  const folder = await mkdtemp('.data/demo-');
  await chmod(folder, 0o755);
  const entering = enterEmbeddedPostgres(folder, [], stopping);
  stops.unshift(async () => {
    // A start that is interrupted ends with an error after it has stopped its server.
    await entering.then(
      (postgres) => postgres.leave(),
      () => {},
    );
    await removeEmbeddedFolder(folder);
  });
  const postgres = await entering;
  const environment = readEnvironment({
    DATABASE_URL: await postgres.databaseUrl('demo'),
    PORT: String(await freePort(3000)),
    FETCH_ALLOWED_HOSTS: `${metadataApi.host},${new URL(anvil.url).host}`,
    RPC_URLS: `${anvil.chainId}=${anvil.url}`,
    ...CHAIN_VARIABLES,
    CONSOLE: 'on',
    CONSOLE_OPERATOR_SECRET: OPERATOR_SECRET,
    LOG_LEVEL: 'warn',
    WORKERS: '1',
  });
  const service = await startService(environment, stopping);
  stops.unshift(() => service.stop());
  return service;
}

async function registerCollection(
  { app }: Service,
  metadataApi: MetadataHost,
): Promise<{ apiKey: string; projectId: string }> {
  const projects = app.get(Projects);
  const project = await projects.createProject({ name: 'Lighthouse Studio', ownerAddress: wallet.address });
  const collection = await app.get(Collections).add({
    chainId: 1,
    address: COLLECTION,
    projectId: project.id,
    source: { kind: 'metadata_api', url: `${metadataApi.url}/lighthouses` },
  });
  await app.get(TokenStore).registerTokens(collection.id, TOKEN_IDS);
  await app.get(Listings).putUp(
    FOR_SALE.map((tokenId) => ({
      collectionId: collection.id,
      tokenId,
      seller: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
      price: `${tokenId}50000000000000000`,
      currency: 'ETH',
    })),
  );
  return { apiKey: await projects.createApiKey(project.id), projectId: project.id };
}

/** Polls the refresh until it is completed, and draws its progress. */
async function follow(client: ApiClient, refreshId: string, total: number): Promise<RefreshBody> {
  const bar = process.stdout.isTTY ? new SingleBar({ format: '{bar} {value}/{total} tokens', hideCursor: true }) : null;
  bar?.start(total, 0);
  for (let shown = -1; ;) {
    const refresh = await client.readRefresh(refreshId);
    const done = refresh.summary.succeeded + refresh.summary.failed;
    bar?.update(done);
    if (!bar && done !== shown) say(`  ${done}/${total} tokens`);
    shown = done;
    if (refresh.status === 'completed') {
      bar?.stop();
      return refresh;
    }
    await new Promise((next) => setTimeout(next, 250));
  }
}

async function sayWhatToTry({ url }: Service, client: ApiClient, apiKey: string, refreshId: string): Promise<void> {
  const signed = Object.entries(await client.signedHeaders())
    .map(([name, value]) => `-H '${name}: ${value}'`)
    .join(' ');
  say(`
The service stays up at ${url} until Ctrl-C.
Open its console at ${url}/console, and look at this refresh at ${url}/console/refreshes/${refreshId}

  Operators sign in with the secret:       ${OPERATOR_SECRET}
  The studio signs in with its API key:    ${apiKey}

Read and try its API at ${url}/docs. Examples:

  curl '${url}/listings'
  curl '${url}/listings?trait.Lamp=Firefly&trait.Sea=Storm&trait.Sea=Calm'
  curl '${url}/v1/metadata-refreshes/${refreshId}' -H 'x-api-key: ${apiKey}'
  curl '${url}/v1/metadata-refreshes/${refreshId}/tokens?verdict=failed' -H 'x-api-key: ${apiKey}'
  curl '${url}/v1/metadata-refreshes/${refreshId}/tokens.csv' -H 'x-api-key: ${apiKey}'
  curl -X POST '${url}/v1/metadata-refreshes/${refreshId}/retry' -H 'x-api-key: ${apiKey}'
  curl '${url}/v1/metadata-refreshes' -H 'x-api-key: ${apiKey}' -H 'content-type: application/json' \\
    -d '{"collection_address":"${COLLECTION}","token_ids":["1","2","13"]}'

Signed by the owner's wallet (valid for five minutes):

  curl '${url}/v1/metadata-refreshes' ${signed}
`);
}

async function finish(status: number): Promise<void> {
  for (let stop = stops.shift(); stop; stop = stops.shift()) {
    await stop().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  }
  process.exit(status);
}

/** The preferred port if it is free, otherwise 0 for any. */
async function freePort(preferred: number): Promise<number> {
  const server = createServer();
  const isFree = await new Promise<boolean>((done) => {
    server.once('error', () => done(false)).listen(preferred, '127.0.0.1', () => done(true));
  });
  if (!isFree) return 0;
  await new Promise((done) => server.close(done));
  return preferred;
}
