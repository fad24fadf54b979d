import { nameCollection } from '../support/collection-names.js';
import {
  startConsole,
  testLooks,
  type BrowserVisitor,
  type ConsolePage,
  type ConsoleTest,
} from '../support/console-browser.js';
import { http, requestRefresh } from '../support/project-api.js';
import { anItem } from '../support/pushed-metadata.js';
import { refreshOnce } from '../support/refresh-steps.js';
import type { TestApp, TestProject } from '../support/start-app.js';

const MAX_TOKEN_ID = String(2n ** 256n - 1n);
const TOKENS = [...Array.from({ length: 30 }, (_, index) => String(index + 1)), MAX_TOKEN_ID];

let running: ConsoleTest;
let test: TestApp;
let project: TestProject;
/** Of its tokens, some failed, and one is tried again. */
let refreshId: string;
beforeAll(async () => {
  running = await startConsole();
  ({ test } = running);
  project = await test.aProject({ tokens: TOKENS });
  await nameCollection(test, project, 'Voyagers of Aeon');
  for (const id of TOKENS) test.metadataApi.respond(id, 200, documentOf(id, 1));
  await refreshOnce(test, project, TOKENS);
  for (const id of TOKENS.slice(0, 12)) test.metadataApi.respond(id, 200, documentOf(id, 2));
  for (const id of ['20', '21', '22', '25']) test.metadataApi.respond(id, 404, '<h1>Not found</h1>');
  test.metadataApi.respond('23', 200, '{"name": "Voyager #23", "description": "The hull was');
  test.metadataApi.respond(MAX_TOKEN_ID, 200, HOSTILE);
  refreshId = await refreshOnce(test, project, TOKENS);
  test.metadataApi.script('24', { status: 429, body: '', headers: { 'retry-after': '600' } });
  await refreshOnce(test, project, ['24']);
  await requestRefresh(test.app, project, ['1', '2']);
  // Until all pages have been visited.
  await test.database.query(`update nft_metadata.host_cooldowns set until_at = started_at + interval '1 hour'`);
  await test.database.query(
    `update nft_metadata.metadata_hosts host set cooldown_until = until_at from nft_metadata.host_cooldowns cooldown
     where cooldown.host = host.host`,
  );
  await test.database.query(`update nft_metadata.tokens set held_until = 'infinity' where token_id = 30`);
});
afterAll(() => running.stop());

function documentOf(id: string, level: number): object {
  return {
    name: `Voyager #${id}`,
    description: 'A ship that crossed the rift.',
    image: 'ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/1.png',
    attributes: [{ trait_type: 'Level', value: level }],
  };
}

/** A name that would turn its line around, markup, a script as a link, and a number with more digits than a double has. */
const HOSTILE = `{
  "name": "gold\\u202egpj\\u0000.exe <img src=x onerror=alert(1)> ${'x'.repeat(10_000)}",
  "external_url": "javascript:alert(1)",
  "attributes": [{ "trait_type": "Power", "value": 12345678901234567890.10 }]
}`;

const tokenPath = (tokenId: string) => `tokens/1/${project.collectionAddress}/${tokenId}`;

const hostPath = () => `hosts/${encodeURIComponent(test.metadataApi.host)}`;

const PAGES: readonly [name: string, path: () => string, who?: 'partner' | 'nobody'][] = [
  ['sign-in', () => '', 'nobody'],
  ['refreshes', () => 'refreshes'],
  ['refreshes-filtered-to-nothing', () => 'refreshes?trigger=reveal'],
  ['refresh', () => `refreshes/${refreshId}`],
  ['refresh-filtered-to-nothing', () => `refreshes/${refreshId}?verdict=superseded`],
  ['refresh-not-found', () => 'refreshes/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
  ['tokens', () => 'tokens?q=1'],
  ['token', () => tokenPath('1')],
  ['token-held', () => tokenPath('30')],
  ['token-hostile', () => tokenPath(MAX_TOKEN_ID)],
  ['token-document', () => `${tokenPath(MAX_TOKEN_ID)}?tab=document`],
  ['token-attempts', () => `${tokenPath('23')}?tab=attempts`],
  ['token-history', () => `${tokenPath('1')}?tab=history&from=1&to=2`],
  ['hosts', () => 'hosts'],
  ['hosts-partner', () => 'hosts', 'partner'],
  ['host-resting', hostPath],
  ['host-resting-partner', hostPath, 'partner'],
  ['host-not-found', () => 'hosts/nobody.example'],
  ['workers', () => 'workers'],
  ['limits-partner', () => 'limits', 'partner'],
];

describe.each(PAGES)('the page %s', (title, path, who) => {
  testLooks(title, async (options) => (await visitorFor(who)).open(path(), options));
});

function visitorFor(who: 'partner' | 'nobody' | undefined): Promise<BrowserVisitor> {
  if (who === 'nobody') return running.browser.aVisitor();
  return who === 'partner' ? (partner ??= running.browser.aPartner(project)) : theOperator();
}

let partner: Promise<BrowserVisitor> | undefined;
let operator: Promise<BrowserVisitor> | undefined;
function theOperator(): Promise<BrowserVisitor> {
  return (operator ??= running.browser.anOperator());
}

async function openAsOperator(path: string): Promise<ConsolePage> {
  return (await theOperator()).open(path);
}

describe('text by strangers', () => {
  it('is text: markup is shown, invisible characters are marked, long names are cut, and scripts are no links [K34]', async () => {
    const page = await openAsOperator(tokenPath(MAX_TOKEN_ID));
    await page.isSettled();

    expect(await page.text('h1')).toMatch(/^goldU\+202Egpj�\.exe <img src=x onerror=alert\(1\)>\s?x+…/);
    expect(await page.texts('.mark')).toContain('U+202E');
    expect((await page.text()).length).toBeLessThan(5000);
    expect(await page.page.$$('a[href^="javascript:"], main img')).toEqual([]);
    expect(page.faults).toEqual([]);
    await page.close();
  });

  it('every digit of a token id and of a number in a document is on the page and in the copy [K33]', async () => {
    const page = await openAsOperator(`${tokenPath(MAX_TOKEN_ID)}?tab=document`);
    await page.isSettled();
    await page.page.evaluate(
      'Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { globalThis.copied = text; } } })',
    );

    expect(await page.text('.doc')).toContain('12345678901234567890.10');
    expect(await page.text('.doc')).toContain('javascript:alert(1)');
    await page.click('Copy document');
    expect(await page.page.evaluate('globalThis.copied')).toContain('12345678901234567890.10');
    await page.click('Copy token id');
    expect(await page.page.evaluate('globalThis.copied')).toBe(MAX_TOKEN_ID);
    await page.close();
  });

  it('opening the page of a token requests nothing outside of the console [K36]', async () => {
    const page = await openAsOperator(tokenPath('1'));
    await page.isSettled();

    expect(await page.text('main')).toContain('ipfs://');
    expect(page.calls.filter((call) => call.includes('/image'))).toEqual([]);
    expect(page.faults).toEqual([]);
    await page.close();
  });
});

it('the page of a pushed token says who pushed it, by name', async () => {
  const owner = await test.aProject({ tokens: ['1'] });
  await http(test.app)
    .post(`/v1/chains/eip155:1/collections/${owner.collectionAddress}/nfts/refresh-metadata`)
    .set('x-immutable-api-key', owner.apiKey)
    .send({ nft_metadata: [anItem('Sword')] })
    .expect(202);
  const page = await openAsOperator(`tokens/1/${owner.collectionAddress}/1`);

  await page.shows(/Pushed \d\.\d s ago by Studio, unchanged since/);
  await page.close();
});

it('a search goes to the only hit, and lists several with links to their pages', async () => {
  const tokenId = '987654321';
  const projects = [await test.aProject({ tokens: [tokenId] }), await test.aProject({ tokens: [tokenId] })];
  const page = await openAsOperator('');
  const search = async (text: string) => {
    await (await page.page.waitForSelector('input[type=search]'))!.type(text);
    await page.page.keyboard.press('Enter');
  };

  await search(refreshId);
  await page.shows('of 31 tokens done');
  expect(page.path()).toBe(`/refreshes/${refreshId}`);
  await search(tokenId);
  await page.page.waitForSelector('ul.hits a');
  const links = await page.page.$$eval('ul.hits a', (all: { href: string }[]) => all.map(({ href }) => href));
  const paths = projects.map(({ collectionAddress }) => `tokens/1/${collectionAddress}/${tokenId}`);
  expect(links.sort()).toEqual(paths.map((path) => `${running.browser.url}${path}`).sort());
  await page.close();
});

it('a project with a long name leaves room for the collections of the refreshes, and for the way back', async () => {
  const other = await test.aProject({ tokens: ['1'] });
  await test.database.query('update nft_metadata.projects set name = $1 where id = $2', [
    'A studio of many words '.repeat(12),
    other.id,
  ]);
  await requestRefresh(test.app, other, ['1']);
  const page = await openAsOperator('refreshes');

  await page.shows('A studio of many words');
  const heights = await page.page.$$eval('tbody tr', (rows: { clientHeight: number }[]) =>
    rows.map(({ clientHeight }) => clientHeight),
  );
  // Three lines.
  expect(Math.max(...heights)).toBeLessThan(90);
  await page.page.goto(`${running.browser.url}projects/${other.id}`);
  await page.shows('Its quota');
  const [back, chevron] = await page.page.$$eval(
    '.crumbs a, .crumbs svg',
    (all: { getBoundingClientRect(): { left: number; right: number } }[]) =>
      all.map((element) => element.getBoundingClientRect()).map(({ left, right }) => ({ left, right })),
  );
  expect(back!.right).toBeLessThan(chevron!.left);
  await page.close();
});

it('at a host that responds well, a person reads whose limit it is, and not that the host refuses more', async () => {
  await test.database.query(
    `insert into nft_metadata.lanes (project_id, host)
     select project_id, 'metadata.example' from nft_metadata.lanes limit 1`,
  );
  const page = await openAsOperator('hosts/metadata.example');

  await page.shows('To go faster, allow more concurrent requests, if its owner agrees.');
  await page.close();
});

it('an operator is offered to end a cooldown and to limit a host, and a partner is not [K52]', async () => {
  const buttons: string[][] = [];
  for (const who of [undefined, 'partner'] as const) {
    const page = await (await visitorFor(who)).open(hostPath());
    await page.isSettled();
    await page.shows('Nobody asks this host until');
    buttons.push((await page.texts('main button')).filter((text) => text !== ''));
    await page.close();
  }

  expect(buttons).toEqual([['Concurrent requests: 8', 'End the cooldown now'], []]);
});

describe('people who see or move otherwise', () => {
  it('with reduced motion nothing moves [K46]', async () => {
    const page = await openAsOperator('refreshes');
    await page.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    await page.isSettled();

    expect(await page.page.evaluate('document.getAnimations().length')).toBe(0);
    await page.close();
  });
});
