import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Wallet } from 'ethers';
import { pass } from './support/crash-test.js';
import { createEmptyDatabase } from './support/database.js';
import { FOUND_BY_WHAT_THEY_HAVE, Watch, type AcceptedRefresh } from './support/invariants.js';
import { MetadataHost } from './support/metadata-host.js';
import { OLD_SERVICES, unpackOldServices, type OldServices } from './support/old-services.js';
import { signedHeaders } from './support/project-api.js';
import { startServiceProcess } from './support/service-process.js';
import { UPGRADES } from './support/upgrades.js';

const [serviceStart, , allOrNothing] = UPGRADES;
const ADDRESS = `0x${'c'.repeat(40)}`;
const TOKENS = Array.from({ length: 40 }, (_, index) => String(index + 1));

let oldServices: OldServices;
beforeAll(async () => {
  oldServices = await unpackOldServices();
});
afterAll(() => oldServices.remove());

describe.each(OLD_SERVICES)('while the service that knows %s and nothing later goes on running', (old) => {
  it.each([serviceStart, allOrNothing])('an upgrade by %s loses nothing that it has accepted', async (_, upgrade) => {
    await using scene = await aScene(old);
    const { ask, watch, metadataApi, database } = scene;
    const oldUrl = scene.service.url;
    const opened = Promise.withResolvers<void>();
    await ask(oldUrl, TOKENS.slice(0, 20));
    await vi.waitUntil(() => scene.hasRested(), { timeout: 20_000 });
    // When the upgrade begins: some are being fetched, some wait for their retry, most for their turn.
    metadataApi.script(
      '21',
      { status: 429, body: '', headers: { 'retry-after': '1' } },
      { status: 200, body: { name: '21' } },
    );
    for (const id of TOKENS.slice(25, 30))
      metadataApi.script(id, { status: 200, body: { name: id }, before: () => opened.promise });
    await ask(oldUrl, TOKENS.slice(20));
    await vi.waitUntil(() => metadataApi.hits.has('26'), { timeout: 20_000 });

    let isUpgraded = false;
    const upgraded = retried(() => upgrade(database.url)).finally(() => (isUpgraded = true));
    // Twenty times a second at most: a slow machine would only have more to refresh.
    while (!isUpgraded) await Promise.all([ask(oldUrl, TOKENS.slice(0, 5)), pass(50)]);
    await upgraded;
    opened.resolve();
    const service = await startServiceProcess(scene, 'all');
    await ask(oldUrl, TOKENS);
    await ask(service.url, TOKENS);
    await vi.waitUntil(() => scene.hasRested(), { timeout: 40_000, interval: 100 });
    const endings = [await scene.service.end('SIGTERM'), await service.end('SIGTERM')];

    await watch.stop();
    await watch.expectInvariants(scene.accepted, [FOUND_BY_WHAT_THEY_HAVE]);
    await recount(database.url);
    expect(await database.query(FOUND_BY_WHAT_THEY_HAVE.sql)).toEqual([]);
    expect(await database.query('select from nft_metadata.tokens where last_success_at is null')).toEqual([]);
    expect(endings.map(({ status }) => status)).toEqual([0, 0]);
  });
});

/** As the operator does it when the last service of an earlier version has gone. */
async function recount(databaseUrl: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['dist/src/cli.js', 'traits', 'recount'], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
  });
}

/** A database that the old service has made, with a project and its collection, and the service at work. */
async function aScene(old: (typeof OLD_SERVICES)[number]) {
  const [database, metadataApi] = await Promise.all([createEmptyDatabase(), MetadataHost.start()]);
  const callbacks = { database, metadataApi };
  const service = await startServiceProcess(callbacks, 'all', [], oldServices.mainOf(old));
  const wallet = Wallet.createRandom();
  await fill(database, wallet.address, metadataApi.url);
  const watch = await Watch.start(database, metadataApi);
  const accepted: AcceptedRefresh[] = [];
  return {
    ...callbacks,
    service,
    watch,
    accepted,
    /** Of a service; what it does not accept is not promised. */
    ask: async (url: string, tokenIds: readonly string[]): Promise<void> => {
      const response = await fetch(`${url}/v1/metadata-refreshes`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(await signedHeaders({ wallet })) },
        body: JSON.stringify({ collection_address: ADDRESS, token_ids: tokenIds }),
      });
      const body = (await response.json()) as { refresh_id: string };
      if (response.status === 202) accepted.push({ refreshId: body.refresh_id, tokenIds });
      else expect(response.status).toBe(503);
    },
    async hasRested(): Promise<boolean> {
      const pending = await database.query('select from nft_metadata.refreshes where completed_at is null limit 1');
      return pending.length === 0;
    },
    async [Symbol.asyncDispose]() {
      await watch.stop();
      await service.end('SIGKILL');
      await metadataApi.close();
      await database.drop();
    },
  };
}

async function fill(
  database: Pick<Awaited<ReturnType<typeof createEmptyDatabase>>, 'query'>,
  owner: string,
  metadataUrl: string,
): Promise<void> {
  await database.query(
    `insert into nft_metadata.projects (id, name, owner_address, tokens_per_hour) values ('p', 'Studio', $1, 1000000)`,
    [owner.toLowerCase()],
  );
  const limits = `select from information_schema.columns where table_schema = 'nft_metadata' and column_name = $1`;
  if ((await database.query(limits, ['requests_per_second'])).length > 0)
    await database.query('update nft_metadata.projects set requests_per_second = 1000000');
  await database.query(
    `with collection as (
       insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url)
       values (gen_random_uuid(), 1, $1, 'p', 'metadata_api', $2) returning id
     )
     insert into nft_metadata.tokens (collection_id, token_id)
     select id, token_id from collection, unnest($3::numeric[]) as token_id`,
    [ADDRESS, metadataUrl, TOKENS],
  );
}

/** As a deployment that failed is tried again: a migration gives up where it would hold up all others for long. */
async function retried(upgrade: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await upgrade();
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (tries === 20 || (code !== '55P03' && code !== '40P01')) throw error;
    }
  }
}
