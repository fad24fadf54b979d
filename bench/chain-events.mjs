// Events of contracts on a local chain (anvil). How long it takes from the block of an event until the listing page shows the change,
// and what a storm of events costs: calls to the node, statements and CPU, also with 1,500 watched collections.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Anvil } from '../dist/libs/testing/src/index.js';
import { id, toBeHex } from 'ethers';
import { onCleanUp } from './support/clean-up.mjs';
import { median, percentile, sleep, tokenIds } from './support/measure.mjs';
import { Service } from './support/service.mjs';

const SETTLE_SECONDS = 5;
const STORM_TOKENS = 15;
const WATCHED = 1500;
/** Of an idle chain with a block every second. */
const IDLE_SECONDS = 20;
const STORM_PER_BLOCK = 2500;
/** Between two looks at a listing page: 24 of them are looked at, at a time. */
const LOOK_INTERVAL_MS = 100;

export const chainEvents = {
  title: 'Events of contracts',
  async run({ postgres, options, log }) {
    const anvil = await Anvil.start();
    onCleanUp(() => anvil.stop());
    const node = await startCountingNode(anvil.url);
    const host = await startDocuments();
    const database = await postgres.createDatabase('chain_events');
    const service = await Service.prepare(database, host, node);
    const project = await service.addProject();
    const cards = await anvil.deploy('AnnouncedCards');
    const address = (await cards.getAddress()).toLowerCase();
    const contract = { chainId: anvil.chainId, address };
    const tokens = tokenIds(options.announced);
    const collection = await service.addCollection(project, `${host.url}/cards`, tokens, undefined, contract);
    await watch(database, [collection.id]);
    await putUp(database, collection, tokens);
    const process = await service.startAll([], {
      RPC_URLS: `${anvil.chainId}=${node.url}`,
      CHAIN_EVENTS: 'true',
      CHAIN_SETTLE_SECONDS: String(SETTLE_SECONDS),
      // Whatever the storm leaves behind is done within the measurement.
      EVENT_MIN_INTERVAL_SECONDS: '10',
    });
    await until(async () => (await readBlock(database)) !== null);

    const delays = await measureDelays({ anvil, cards, host, process, collection, tokens });
    log(`${delays.length} changes: median ${median(delays).toFixed(1)} s, p95 ${percentile(delays, 95).toFixed(1)} s`);
    const measure = costOf({ database, postgres, process, node, host });
    const storm = await measure(() => runStorm({ anvil, cards, database, options }));
    log(`storm: ${describe(storm)}`);
    const idle = await measure(() => runIdle(anvil));
    await addWatched(service, database, project, anvil.chainId);
    await anvil.mine(1);
    await until(() => haveJoined(database)); // Their own records are read, too.
    const idleWithMany = await measure(() => runIdle(anvil));
    log(`idle with ${WATCHED} collections: ${describe(idleWithMany)}`);
    const stormWithMany = await measure(() => runStorm({ anvil, cards, database, options }));
    log(`storm with ${WATCHED} collections: ${describe(stormWithMany)}`);

    await process.stop();
    await service.close();
    await database.drop();
    node.close();
    host.close();
    await anvil.stop();

    const afterSettling = delays.map((seconds) => seconds - SETTLE_SECONDS);
    const row = (name, { requests, calls, statements, cpu, databaseCpu, fetches }) => [
      name,
      requests,
      calls,
      fetches,
      statements,
      `${cpu.toFixed(2)} s`,
      `${databaseCpu.toFixed(2)} s`,
    ];
    return {
      goals: [
        {
          text: 'seconds from block to listing page beside the settle time, median',
          value: median(afterSettling),
          atMost: 3,
        },
        {
          text: `fetches for ${options.storm} events about ${STORM_TOKENS} tokens, with 1 or ${WATCHED} watched collections`,
          value: Math.max(storm.fetches, stormWithMany.fetches),
          atMost: 2 * STORM_TOKENS,
          digits: 0,
        },
        {
          text: `calls for each poll with new blocks with ${WATCHED} watched collections, in two requests`,
          value: idleWithMany.calls / idleWithMany.reads,
          atMost: 40,
          digits: 0,
        },
      ],
      tables: [
        {
          head: ['from block to listing page, seconds', 'median', 'p95', 'largest'],
          rows: [
            [
              `${delays.length} changes, settle time ${SETTLE_SECONDS} s, poll interval 2 s`,
              median(delays).toFixed(1),
              percentile(delays, 95).toFixed(1),
              Math.max(...delays).toFixed(1),
            ],
          ],
        },
        {
          head: ['', 'RPC requests', 'RPC calls', 'fetches', 'statements', 'CPU of the service', 'CPU of the database'],
          rows: [
            row(`${options.storm} events about ${STORM_TOKENS} tokens, until the last fetch`, storm),
            row(`the same, ${WATCHED} watched collections`, stormWithMany),
            row(`${IDLE_SECONDS} s with a block a second and no event, 1 watched collection`, idle),
            row(`the same, ${WATCHED} watched collections`, idleWithMany),
          ],
        },
      ],
    };
  },
};

/** For each token: changes its document, announces it, and looks at the listing page until it is there. In seconds. */
async function measureDelays({ anvil, cards, host, process, collection, tokens }) {
  const delays = [];
  const pending = tokens.map(async (tokenId, index) => {
    await sleep(index * 250);
    host.change(tokenId);
    const startedAt = await announce(anvil, cards, tokenId);
    const isListed = async () => (await listedName(process, collection, tokenId)) === host.nameOf(tokenId);
    await until(isListed, LOOK_INTERVAL_MS);
    delays.push((performance.now() - startedAt) / 1000);
  });
  await Promise.all(pending);
  return delays;
}

let lastAnnouncement = Promise.resolve();
/** One after the other: each transaction needs the nonce of the one before. Returns when it was sent, which is when it is mined. */
function announce(anvil, cards, tokenId) {
  lastAnnouncement = lastAnnouncement.then(async () => {
    const sentAt = performance.now();
    await anvil.send(cards, 'emitLog', [id('MetadataUpdate(uint256)')], toBeHex(tokenId, 32));
    return sentAt;
  });
  return lastAnnouncement;
}

async function listedName(process, { address }, tokenId) {
  const response = await fetch(`${process.url}/listings?collection_address=${address}&trait.Id=${tokenId}`);
  return (await response.json()).result[0]?.token?.name;
}

async function runStorm({ anvil, cards, database, options }) {
  for (let sent = 0; sent < options.storm; sent += STORM_PER_BLOCK) {
    await anvil.send(cards, 'storm', Math.min(STORM_PER_BLOCK, options.storm - sent), STORM_TOKENS);
    await sleep(500);
  }
  await sleep(3000); // All are read.
  await until(async () => {
    const [{ waiting, running }] = await database.query(
      `select exists (select from nft_metadata.event_tokens where due_at is not null) as waiting,
         exists (select from nft_metadata.refreshes where completed_at is null) as running`,
    );
    return !waiting && !running;
  });
}

async function runIdle(anvil) {
  for (let second = 0; second < IDLE_SECONDS; second += 1) {
    await anvil.mine(1);
    await sleep(1000);
  }
}

function costOf({ database, postgres, process, node, host }) {
  return async (work) => {
    const before = { cpu: process.cpuSeconds(), databaseCpu: postgres.cpuSeconds() };
    await database.resetStatements();
    node.requests = node.calls = node.reads = host.fetches = 0;
    await work();
    const { requests, calls, reads } = node;
    const statements = (await database.statements()).reduce((sum, { calls }) => sum + calls, 0);
    return {
      reads,
      requests,
      calls,
      fetches: host.fetches,
      statements,
      cpu: process.cpuSeconds() - before.cpu,
      databaseCpu: postgres.cpuSeconds() - before.databaseCpu,
    };
  };
}

const describe = ({ requests, calls, fetches, statements, cpu, databaseCpu }) =>
  `${requests} requests with ${calls} calls, ${fetches} fetches, ${statements} statements, ${cpu.toFixed(2)} s + ${databaseCpu.toFixed(2)} s of the database`;

async function watch(database, collectionIds) {
  await database.query(
    'insert into nft_metadata.watched_collections (collection_id, events) select unnest($1::uuid[]), true',
    [collectionIds],
  );
}

async function addWatched(service, database, project, chainId) {
  await database.query(
    `with added as (
       insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url, created_at)
       select gen_random_uuid(), $1, '0x' || lpad(to_hex(4096 + n), 40, '0'), $2, 'metadata_api', 'http://example.com', now()
       from generate_series(1, $3::int) as n
       returning id
     )
     insert into nft_metadata.watched_collections (collection_id, events) select id, true from added`,
    [chainId, project.id, WATCHED - 1],
  );
}

async function putUp(database, collection, tokens) {
  await database.query(
    `insert into marketplace.listings (collection_id, token_id, seller, price, currency, name_key, trait_ids, name_ngrams)
     select $1, unnest($2::text[])::numeric, '0x' || repeat('5', 40), 1, 'ETH', '', '{}', '{}'`,
    [collection.id, tokens],
  );
}

async function readBlock(database) {
  const [row] = await database.query('select next_block from nft_metadata.chain_cursors');
  return row?.next_block ?? null;
}

/** Documents of tokens, which change when they are told to. */
async function startDocuments() {
  const versions = new Map();
  const host = {
    fetches: 0,
    change: (tokenId) => versions.set(tokenId, (versions.get(tokenId) ?? 0) + 1),
    nameOf: (tokenId) => `Card ${tokenId}, version ${versions.get(tokenId) ?? 0}`,
  };
  const server = createServer(({ url }, response) => {
    const tokenId = url.split('/').at(-1);
    host.fetches += 1;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: host.nameOf(tokenId), attributes: [{ trait_type: 'Id', value: tokenId }] }));
  });
  host.url = await listen(server);
  host.close = () => server.close();
  return host;
}

/** A way to the node that counts what passes. `reads`: requests for logs. */
async function startCountingNode(nodeUrl) {
  const node = { requests: 0, calls: 0, reads: 0 };
  const forward = async (request, response) => {
    const body = await text(request);
    node.requests += 1;
    const calls = JSON.parse(body);
    node.calls += calls.length;
    if (calls.some(({ method }) => method === 'eth_getLogs')) node.reads += 1;
    const forwarded = await fetch(nodeUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    response.setHeader('content-type', 'application/json');
    response.end(await forwarded.text());
  };
  const server = createServer((request, response) => void forward(request, response));
  node.url = await listen(server);
  node.close = () => server.close();
  return node;
}

async function listen(server) {
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  onCleanUp(() => server.closeAllConnections());
  return `http://127.0.0.1:${server.address().port}`;
}

async function haveJoined(database) {
  const [{ waiting }] = await database.query(
    `select exists (select from nft_metadata.watched_collections where since_block is null)
       or exists (select from nft_metadata.collection_refreshes where due_at is not null) as waiting`,
  );
  return !waiting;
}

async function until(condition, intervalMs = 25) {
  while (!(await condition())) await sleep(intervalMs);
}
