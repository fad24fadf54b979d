import { Backfills, ChainWatcher } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { nameCollection } from '../support/collection-names.js';
import { LOOKS, startConsole, testLooks, WIDTHS, type ConsoleTest } from '../support/console-browser.js';
import { holdReads } from '../support/held-reads.js';
import { refreshOnce } from '../support/refresh-steps.js';
import { aProjectWithEggs, dragon, stageReveal } from '../support/reveals.js';
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
  await nameCollection(test, project, 'Voyagers of Aeon');
  await refreshOnce(test, project, ids(20));
  await watchContracts();
});
afterAll(async () => {
  await running.stop();
  await node.close();
  await anvil.stop();
});
afterEach(() => running.browser.closePages());

/** One whose past mints are registered, one whose are waiting, and then a node that fails. */
async function watchContracts(): Promise<void> {
  const cards = await anvil.deploy('AnnouncedCards');
  const { blockNumber } = await anvil.send(cards, 'mint', '1', `${test.metadataApi.url}/1`);
  const watched = await watchCollection(test, anvil, cards, { watch: { discover: 'mints' } });
  await nameCollection(test, watched, 'Announced Cards');
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

describe('the page New refresh', () => {
  it('a partner estimates a range of tokens, is told when it is too much, and requests it', async () => {
    const studio = await test.aProject({ tokens: ids(30), limits: { tokensPerHour: 25 } });
    const page = await (await running.browser.aPartner(studio)).open('refreshes');
    await page.isSettled();

    await page.click('New refresh');
    await page.click('All registered tokens');
    await page.click('Estimate', 'form');
    await page.shows('30 tokens. How long they take is not known');
    await page.shows('A selection of this project may not have so many tokens.');
    await page.click('Registered tokens in ranges of ids');
    await page.fill('Ranges', '20-5');
    await page.click('Estimate', 'form');
    await page.shows('“20-5” ends before it begins.');
    await page.fill('Ranges', '5-20');
    await page.click('Estimate', 'form');
    await page.shows('They count towards your quota, of which 25 of 25 tokens are left.');
    await page.click('Refresh 16 tokens');
    await page.shows('0 of 16 tokens done');

    expect(page.path()).toMatch(/^\/refreshes\/[0-9a-f-]{36}$/);
    await test.worker.runOnce();
  });

  describe.each([
    ['new-refresh', 'refreshes/new?what=all', 'Refreshes of operators count towards no limit.'],
    ['new-refresh-of-nothing', 'refreshes/new?what=status', 'No registered token is among these.'],
  ])('its form, %s,', (name, path, text) => {
    testLooks(name, async (options) => {
      const page = await (await running.browser.anOperator()).open(path, options);
      await page.isSettled();
      await page.page.select('select', project.collectionId);
      await page.click('Estimate', 'form');
      await page.shows(text);
      return page;
    });
  });
});

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
    await page.shows('60 of 100 tokens of the quota are left');
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
    await test.app.get(ChainWatcher).runOnce();
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

  testLooks('chain', async (options) => (await running.browser.anOperator()).open('chain', options));
});

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#3b5bdb"/>
<script>document.documentElement.setAttribute('data-ran', 'yes'); parent.ran = true;</script></svg>`;

/** The page of a token whose record has this picture. */
async function aTokenPage(imageUrl: string): Promise<string> {
  const owner = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 200, { name: 'Lightship', image: 'https://pictures.example/1.png' });
  await refreshOnce(test, owner, ['1']);
  await test.database.query(
    `update nft_metadata.token_documents set image_url = $1
     where id in (select id from nft_metadata.tokens where collection_id = $2)`,
    [imageUrl, owner.collectionId],
  );
  return `tokens/1/${owner.collectionAddress}/1`;
}

describe('the picture of a token', () => {
  const dataUri = `data:image/svg+xml;base64,${Buffer.from(SVG).toString('base64')}`;

  it('is loaded with a click, and an SVG with a script is shown still, also when it is opened by itself [K38] [K36]', async () => {
    const path = await aTokenPage(dataUri);
    const operator = await running.browser.anOperator();
    const page = await operator.open(path);
    await page.isSettled();

    expect(await page.page.$$('.picture img')).toEqual([]);
    await page.click('Load picture from https:');
    await page.page.waitForFunction('document.querySelector(".picture img")?.naturalWidth > 0');
    expect(page.calls.filter((call) => call.includes('/image'))).toHaveLength(1);
    expect(await page.page.evaluate('globalThis.ran')).toBeUndefined();
    expect(await page.page.evaluate('getComputedStyle(document.querySelector(".picture img")).visibility')).toBe(
      'visible',
    );
    expect(page.faults).toEqual([]);

    const alone = await operator.context.newPage();
    await alone.goto(String(await page.page.evaluate('document.querySelector(".picture img").src')));
    expect(await alone.evaluate('document.documentElement.localName')).toBe('svg');
    expect(await alone.evaluate('document.documentElement.getAttribute("data-ran")')).toBeNull();
    expect(await alone.evaluate('document.domain')).toBe('');
    await alone.close();
  });

  it('that is refused says why, and can be tried again [K37]', async () => {
    const page = await (await running.browser.anOperator()).open(await aTokenPage('http://169.254.169.254/1.png'));
    await page.isSettled();

    await page.click('Load picture from https:');
    await page.shows('The picture was not loaded: its address is in a private network');
    await page.click('Try again');
    await page.shows('The picture was not loaded: its address is in a private network');
    expect(await page.page.$$('.picture img')).toEqual([]);
  });

  describe.each([
    ['token-picture', dataUri, '.picture img:not([hidden])'],
    ['token-picture-refused', 'http://169.254.169.254/1.png', '.picture .problem:not(:empty)'],
  ])('shown as %s', (name, imageUrl, selector) => {
    testLooks(name, async (options) => {
      const page = await (await running.browser.anOperator()).open(await aTokenPage(imageUrl), options);
      await page.isSettled();
      await page.click('Load picture from https:');
      await page.page.waitForSelector(selector);
      return page;
    });
  });
});

describe('reveals', () => {
  it('a partner publishes one after a second click, and reverts it', async () => {
    const owner = await aProjectWithEggs(test);
    await nameCollection(test, owner, 'Dragons of Aeon');
    const { revealId } = await stageReveal(test, owner);
    const page = await (await running.browser.aPartner(owner)).open('reveals');

    await page.shows('Dragons of Aeon');
    await page.click('Dragons of Aeon 4 tokens');
    await page.shows('4 of 4 tokens staged');
    await page.click('Publish');
    await page.shows('Show 4 tokens to everybody?');
    await page.click('Not yet', 'dialog');
    await page.click('Publish');
    await page.click('Publish', 'dialog');
    await page.shows('All its records changed at the same moment');
    await page.click('Revert');
    await page.click('Revert', 'dialog');
    await page.shows('Its records show again what they showed before.');
    expect(page.path()).toBe(`/reveals/${revealId}`);
  });

  it('one that changes no record says so once it is published', async () => {
    const owner = await test.aProject({ tokens: ['1'] });
    await refreshOnce(test, owner, ['1']);
    const { revealId } = await stageReveal(test, owner);
    const page = await (await running.browser.aPartner(owner)).open(`reveals/${revealId}`);

    await page.click('Publish');
    await page.click('Publish', 'dialog');
    await page.shows('It was published, and changed no record');
  });

  it('the page of a staged one says what would change, and names the tokens that somebody should look at', async () => {
    const owner = await aProjectWithEggs(test);
    test.metadataApi.respond('4', 200, dragon('2'), { etag: '"again"' });
    const { revealId } = await stageReveal(test, owner);
    const page = await (await running.browser.aPartner(owner)).open(`reveals/${revealId}`);

    await page.shows('Get another document');
    await page.shows('Traits of 4 tokens change: 4 values added, 4 removed.');
    await page.shows('These documents are equal: check that each token gets its own.');
    await page.click('2', '[aria-labelledby=changes]');
    await page.shows('Egg 2');
    expect(page.path()).toBe(`/tokens/1/${owner.collectionAddress}/2`);
  });

  it.each(LOOKS)(
    'the list, one, and its dialog on a %s in the %s theme pass axe, break no policy, and do not scroll sideways [K11] [K44] [K46]',
    async (size, theme) => {
      const owner = await aProjectWithEggs(test);
      await nameCollection(test, owner, 'Dragons of Aeon');
      test.metadataApi.respond('1', 404, '');
      const { revealId } = await stageReveal(test, owner);
      const operator = await running.browser.anOperator();
      const list = await operator.open('reveals', { viewport: WIDTHS[size], theme });

      expect(await list.findings(`reveals-${size}-${theme}`)).toEqual([]);
      const page = await operator.open(`reveals/${revealId}`, { viewport: WIDTHS[size], theme });
      await page.shows('3 tokens are staged, and 4 must be.');
      await page.shows('Get another document');
      expect(await page.findings(`reveal-${size}-${theme}`)).toEqual([]);
      await page.click('Publish 3 tokens');
      expect(await page.findings(`reveal-publish-${size}-${theme}`)).toEqual([]);
    },
  );
});

it('while four other reads run, a page is told to try again, keeps its rows, and goes on by itself [K41]', async () => {
  const list = await (await running.browser.anOperator()).open('refreshes');
  await list.shows('Voyagers of Aeon');
  const end = holdReads(test);

  await list.shows('Last heard', 20_000);
  expect(await list.text('main')).toContain('Voyagers of Aeon');
  await end();
  await list.shows('Updated', 40_000);
});
