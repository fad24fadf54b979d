import { ChainWatcher } from '@app/chain-events';
import { EventDelivery, Webhooks } from '@app/metadata-events';
import { WorkerMetrics, type RefreshWorker } from '@app/metadata-refresh';
import { Anvil } from '@app/testing';
import { Client } from 'pg';
import { readAlertRules } from '../support/alert-rules.js';
import { Scrape, scrape } from '../support/metrics.js';
import { http, requestRefresh } from '../support/project-api.js';
import { checkAlertRules, firingAlerts } from '../support/promtool.js';
import { RpcHost } from '../support/rpc-host.js';
import { startServiceProcess } from '../support/service-process.js';
import { startApp, type TestApp, type TestProject } from '../support/start-app.js';
import { ids } from '../support/token-ids.js';
import { aWatchedCollection } from '../support/watched-collection.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';
import { workerPids } from '../support/worker-pids.js';

/** What Prometheus has scraped each minute, before the fault and during it; null: there was no response. */
interface Timeline {
  before: Scrape[];
  during: (Scrape | null)[];
}

let test: TestApp;
let receiver: WebhookReceiver;
let other: RefreshWorker;
let project: TestProject;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  test = await startApp({}, { otherHosts: [receiver] });
  other = await test.anotherWorker();
  project = await test.aProject({ tokens: ids(100), limits: { tokensPerHour: 1_000_000 } });
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});
afterEach(async () => {
  test.metadataApi.releaseHeld();
  test.metadataApi.forgetScripts();
  await test.app.get(EventDelivery).runOnce();
  for (const { id } of await test.app.get(Webhooks).list()) await test.app.get(Webhooks).remove(id);
  await test.database.query('delete from nft_metadata.refreshes');
  await test.database.query('delete from nft_metadata.metadata_hosts');
});

/** Minutes by the clock of the database, which tells how old everything is. In each of them, something happens. */
async function minutes(
  count: number,
  happens: (minute: number) => Promise<unknown> = async () => {},
  { app, database } = test,
): Promise<Scrape[]> {
  const scrapes: Scrape[] = [];
  for (let minute = 1; minute <= count; minute += 1) {
    await database.advance(60);
    await happens(minute);
    scrapes.push(await scrape(app));
  }
  return scrapes;
}

const request = (tokens: number) => requestRefresh(test.app, project, ids(tokens));
/** As a service does: requests of both sizes are refreshed, and their events delivered. */
async function work(): Promise<void> {
  await request(3);
  await request(30);
  await test.worker.runOnce();
  await test.app.get(EventDelivery).runOnce();
}
const lostTokens = () => test.app.get(WorkerMetrics).read().lostTokens;
const aWebhook = (path: string) => test.app.get(Webhooks).add({ projectId: project.id, url: receiver.url(path) });
/** So that each refresh causes events. */
const changeDocuments = () =>
  ids(3).forEach((tokenId) => {
    test.metadataApi.script(tokenId, { status: 200, body: () => ({ name: String(Math.random()) }) });
  });

/** What each alert is for, as it really happens. */
const FAULTS: Record<string, () => Promise<Timeline>> = {
  async NftRefreshAbsent() {
    const service = await startServiceProcess(test, 'all');
    const read = () => readMetrics(service.url);
    const before = [await read(), await read()] as Scrape[];
    await service.end('SIGTERM');
    return { before, during: [await read(), await read(), await read(), await read()] };
  },

  async NftRefreshDatabaseDown() {
    const before = await minutes(2, work);
    await test.database.refuseConnections();
    const during = [await scrape(test.app), await scrape(test.app), await scrape(test.app)];
    await test.database.acceptConnections();
    await vi.waitUntil(async () => (await http(test.app).get('/health/ready')).status === 200, { timeout: 20_000 });
    return { before, during };
  },

  async NftRefreshQueueStalled() {
    const before = await minutes(3, work);
    return { before, during: await minutes(8, () => request(30)) };
  },

  async NftRefreshInteractiveSlow() {
    const before = await minutes(3, work);
    return { before, during: await minutes(4, () => request(1)) };
  },

  async NftRefreshManyFailures() {
    const before = await minutes(3, work);
    for (const tokenId of ids(3)) test.metadataApi.respond(tokenId, 404);
    const fail = async () => {
      await request(3);
      await test.worker.runOnce();
    };
    return { before, during: await minutes(28, fail) };
  },

  async NftRefreshHostInCooldown() {
    const before = await minutes(3, work);
    test.metadataApi.respond('1', 429, '', { 'retry-after': '59' });
    const throttle = async () => {
      await request(1);
      await test.worker.runOnce();
    };
    return { before, during: await minutes(24, throttle) };
  },

  async NftRefreshClaimsLost() {
    const before = await minutes(3, work);
    // The lease of the other worker ends before its requests do.
    const lose = async () => {
      await request(3);
      test.metadataApi.hold();
      const late = other.runOnce();
      await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 20_000 });
      await test.database.advance(60);
      const lost = lostTokens();
      const again = test.worker.runOnce();
      await vi.waitUntil(() => lostTokens() > lost, { timeout: 20_000 });
      test.metadataApi.releaseHeld();
      await Promise.all([late, again]);
    };
    return { before, during: await minutes(19, lose) };
  },

  async NftRefreshWorkerProcessesMissing() {
    const service = await startServiceProcess(test, 'all', [], { WORKERS: '2' });
    const read = () => readMetrics(service.url);
    const before = [await read(), await read()] as Scrape[];
    process.kill(workerPids(service).get(1)![0]!, 'SIGKILL');
    const running = async () => (await read())?.find('nft_refresh_worker_processes', { state: 'running' });
    await vi.waitUntil(async () => (await running()) === 1, { timeout: 20_000, interval: 10 });
    // Before it is started again.
    const during = await Promise.all([read(), read(), read(), read()]);
    await service.end('SIGTERM');
    return { before, during };
  },

  async NftRefreshWritesFailing() {
    const before = await minutes(3, work);
    await request(3);
    await test.database.query('alter table nft_metadata.refresh_results rename to moved_away');
    try {
      return { before, during: await minutes(9, () => test.worker.runOnce().catch(() => {})) };
    } finally {
      await test.database.query('alter table nft_metadata.moved_away rename to refresh_results');
      await vi.waitUntil(
        () =>
          test.worker.runOnce().then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      );
    }
  },

  async NftRefreshWritesSlow() {
    const before = await minutes(3, work);
    await test.database.query(`
      create function wait_for_the_disk() returns trigger language plpgsql as $$ begin perform pg_sleep(2.6); return null; end $$`);
    await test.database.query(`
      create trigger slow after insert on nft_metadata.refresh_results for each statement execute function wait_for_the_disk()`);
    const refresh = async () => {
      await request(1);
      await test.worker.runOnce();
    };
    try {
      return { before, during: await minutes(9, refresh) };
    } finally {
      await test.database.query('drop trigger slow on nft_metadata.refresh_results');
    }
  },

  async NftRefreshPoolExhausted() {
    const small = await startApp({}, { variables: { DATABASE_POOL_SIZE: '2' } });
    const client = new Client({ connectionString: small.database.url });
    await client.connect();
    try {
      const mine = await small.aProject({ tokens: ['1'] });
      const before = [await scrape(small.app), await scrape(small.app)];
      await client.query('begin');
      await client.query('lock table nft_metadata.refreshes');
      // Those that wait for too long get a 503.
      const waiting = Promise.allSettled(ids(6).map(() => requestRefresh(small.app, mine, ['1'])));
      const isWaiting = async () => ((await scrape(small.app)).find('nft_refresh_pool_waiting') ?? 0) > 0;
      await vi.waitUntil(isWaiting, { timeout: 20_000 });
      const during = await Promise.all(ids(7).map(() => scrape(small.app)));
      await client.query('rollback');
      await waiting;
      return { before, during };
    } finally {
      await client.end();
      await small.stop();
    }
  },

  async NftRefreshEventsNotPublished() {
    changeDocuments();
    const before = await minutes(3, work);
    const during = await minutes(4, async () => {
      await request(3);
      await test.worker.runOnce();
    });
    return { before, during };
  },

  async NftRefreshEventsBehind() {
    return failingWebhook(22);
  },

  async NftRefreshWebhooksFailing() {
    return failingWebhook(18);
  },

  async NftRefreshWebhookDisabled() {
    changeDocuments();
    await aWebhook('/gone');
    const before = await minutes(3, work);
    receiver.respond('/gone', 410);
    return { before, during: await minutes(3, work) };
  },

  async NftRefreshChainFailing() {
    return withChain(async (chain) => {
      const before = await chain.minutes(3);
      chain.rpc.misbehaveAlways({ status: 500 });
      return { before, during: await chain.minutes(8) };
    });
  },

  async NftRefreshChainUnread() {
    return withChain(async (chain) => {
      const before = await chain.minutes(3);
      return { before, during: await minutes(18, async () => {}, chain.test) };
    });
  },

  async NftRefreshChainBehind() {
    return withChain(async (chain) => {
      const before = await chain.minutes(3);
      // More new blocks each minute than it lets us read.
      const during = await chain.minutes(18, async () => {
        await chain.anvil.mine(200);
        let calls = 0;
        chain.rpc.misbehaveAlways((responses, asked) => {
          const isRefused = asked.some(({ method }) => method === 'eth_getLogs') && (calls += 1) > 1;
          return isRefused
            ? responses.map(({ id }) => ({ id, error: { code: -32_603, message: 'too busy' } }))
            : responses;
        });
      });
      return { before, during };
    });
  },
};

/** A receiver that fails for all of these minutes. */
async function failingWebhook(count: number): Promise<Timeline> {
  changeDocuments();
  await aWebhook('/failing');
  receiver.respond('/failing', 204);
  const before = await minutes(3, work);
  receiver.respond('/failing', 500);
  return { before, during: await minutes(count, work) };
}

interface WatchedChain {
  test: TestApp;
  anvil: Anvil;
  rpc: RpcHost;
  /** In each of them, something happens, and the chain is read. */
  minutes(count: number, happens?: () => Promise<unknown>): Promise<Scrape[]>;
}

/** A chain with a watched collection, whose provider allows few blocks in one call. */
async function withChain(use: (chain: WatchedChain) => Promise<Timeline>): Promise<Timeline> {
  const anvil = await Anvil.start();
  const rpc = await RpcHost.start(anvil);
  const watching = await startApp(
    { chainEvents: { enabled: true, blocksPerCall: 10 }, metadataFetch: { rpcUrls: { [anvil.chainId]: rpc.url } } },
    { otherHosts: [rpc] },
  );
  const watcher = watching.app.get(ChainWatcher);
  try {
    await aWatchedCollection(watching, anvil, await anvil.deploy('AnnouncedCards'));
    return await use({
      test: watching,
      anvil,
      rpc,
      minutes: (count, happens = () => anvil.mine(5)) =>
        minutes(count, () => happens().then(() => watcher.runOnce()), watching),
    });
  } finally {
    await watching.stop();
    await rpc.close();
    await anvil.stop();
  }
}

/** null: the service does not respond. */
async function readMetrics(url: string): Promise<Scrape | null> {
  try {
    return new Scrape(await (await fetch(`${url}/metrics`)).text());
  } catch {
    return null;
  }
}

it('promtool accepts the alert rules', () => {
  expect(checkAlertRules()).toBe('');
});

it('each alert rule has a fault that is tried here', () => {
  expect(Object.keys(FAULTS).toSorted()).toEqual(
    readAlertRules()
      .map(({ alert }) => alert)
      .toSorted(),
  );
});

it('no alert fires while the service works, for more than an hour', async () => {
  changeDocuments();
  await aWebhook('/well');
  // Some failures are an ordinary day.
  test.metadataApi.respond('30', 404);

  const scrapes = await minutes(70, work);

  expect(firingAlerts(scrapes, { ever: true })).toEqual([]);
}, 300_000);

it.each(Object.keys(FAULTS))(
  '%s fires for the fault that it is for, and does not fire before',
  async (alert) => {
    const { before, during } = await FAULTS[alert]!();

    expect(firingAlerts(before, { ever: true })).toEqual([]);
    expect(firingAlerts([...before, ...during])).toContain(alert);
  },
  180_000,
);
