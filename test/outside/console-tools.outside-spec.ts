import { Backfills, ChainWatcher } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { CollectionProfiles } from '@app/token-store';
import { LOOKS, startConsole, WIDTHS, type ConsoleTest } from '../support/console-browser.js';
import { refreshOnce } from '../support/refresh-steps.js';
import { RpcHost } from '../support/rpc-host.js';
import type { TestApp, TestProject } from '../support/start-app.js';
import { ids } from '../support/token-ids.js';
import { watchCollection } from '../support/watched-collection.js';

let anvil: Anvil;
let node: RpcHost;
let running: ConsoleTest;
let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  running = await startConsole({ CHAIN_EVENTS: 'true', RPC_URLS: `${anvil.chainId}=${node.url},1=${node.url}` }, [
    node,
  ]);
  ({ test } = running);
  project = await test.aProject({ tokens: ids(20), limits: { tokensPerHour: 100 } });
  await name(project, 'Voyagers of Aeon');
  await refreshOnce(test, project, ids(20));
  await watchContracts();
});
afterAll(async () => {
  await running.stop();
  await node.close();
  await anvil.stop();
});
afterEach(() => running.browser.closePages());

function name({ collectionId }: TestProject, text: string) {
  const nothing = {
    symbol: null,
    description: null,
    image: null,
    externalLink: null,
    contractUri: null,
    baseUri: null,
  };
  return test.app.get(CollectionProfiles).push(collectionId, { name: text, ...nothing });
}

/** One whose past mints are registered, one whose are waiting, and then a node that fails. */
async function watchContracts(): Promise<void> {
  const cards = await anvil.deploy('AnnouncedCards');
  const { blockNumber } = await anvil.send(cards, 'mint', '1', `${test.metadataApi.url}/1`);
  const watched = await watchCollection(test, anvil, cards, { watch: { discover: 'mints' } });
  await name(watched, 'Announced Cards');
  await test.app.get(Backfills).start(watched.collectionId, blockNumber);
  await test.app.get(ChainWatcher).runOnce();
  await test.app.get(ChainWatcher).runOnce();
  const later = await watchCollection(test, anvil, await anvil.deploy('AnnouncedCards'), {
    watch: { discover: 'mints', refreshEverySeconds: 604_800 },
  });
  await test.app.get(Backfills).start(later.collectionId, 0);
  await test.database.query(
    `update nft_metadata.chain_backfills set next_block = 700, until_block = 1000, tokens = 1234, last_error = 'timeout'
     where collection_id = $1`,
    [later.collectionId],
  );
}

/** What 20 tokens have by now: some changed, some broken, one that redirects. */
function changeDocuments(): void {
  for (const id of ids(14))
    test.metadataApi.respond(id, 200, {
      name: `Voyager #${id}`,
      image: `images/${id}.png`,
      attributes: [{ trait_type: 'Level', value: 2 }],
    });
  test.metadataApi.respond('3', 404, '<h1>Not found</h1>').respond('5', 302, '', { location: '/moved/5th' });
}

describe('the page Validate', () => {
  it('tells what a refresh would do with 20 tokens, and refreshes them', async () => {
    changeDocuments();
    const partner = await running.browser.aPartner(project);
    const page = await partner.open('validate');
    await page.isSettled();

    await page.fill('Token ids', '1-21');
    await page.click('Validate', 'form');
    await page.shows('These are more than 20 tokens.');
    await page.fill('Token ids', '1-20');
    await page.click('Validate', 'form');
    await page.shows('19 of 20 would be good; 1 would fail; 12 with relative image');
    await page.shows('status_404');
    await page.shows('80 of 100 tokens of the hour are left');
    expect(page.path()).toMatch(/^\/validate\?collection=[0-9a-f-]+&tokens=1/);
    await page.click('Refresh these 20');
    await page.shows('20 tokens are refreshed.');
    await page.click('Show the refresh');
    await page.shows('0 of 20 tokens done');
  });

  it.each(LOOKS)(
    'its form and its result on a %s in the %s theme pass axe, break no policy, and do not scroll sideways [K11] [K44] [K46]',
    async (size, theme) => {
      changeDocuments();
      const page = await (await running.browser.anOperator()).open('validate', { viewport: WIDTHS[size], theme });
      await page.isSettled();
      await page.page.select('select', project.collectionId);
      expect(await page.findings(`validate-${size}-${theme}`)).toEqual([]);

      await page.fill('Token ids', '1-5');
      await page.click('Validate', 'form');
      await page.shows('4 of 5 would be good');
      expect(await page.findings(`validate-result-${size}-${theme}`)).toEqual([]);
    },
  );
});

describe('the page of chain watchers', () => {
  it('shows how far a chain is read, and the past mints of its collections', async () => {
    const page = await (await running.browser.anOperator()).open('chain');

    await page.shows('at the head');
    await page.shows('1 token registered from block');
    await page.shows('1,234 tokens registered from block 0; 301 blocks to read');
    await page.shows('A token is fetched 5 seconds after its event.');
    node.misbehaveAlways({ status: 503 });
    await test.app.get(ChainWatcher).runOnce();
    await page.shows('None of its nodes can be read.');
    await page.shows('status_503');
    node.misbehaveAlways(undefined);
  });

  it.each(LOOKS)(
    'on a %s in the %s theme passes axe, breaks no policy, and does not scroll sideways [K11] [K44] [K46]',
    async (size, theme) => {
      const page = await (await running.browser.anOperator()).open('chain', { viewport: WIDTHS[size], theme });

      expect(await page.findings(`chain-${size}-${theme}`)).toEqual([]);
    },
  );
});
