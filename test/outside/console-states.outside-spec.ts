import { Projects } from '@app/project-auth';
import { nameCollection } from '../support/collection-names.js';
import {
  LOOKS,
  startConsole,
  testLooks,
  WIDTHS,
  type BrowserVisitor,
  type ConsolePage,
  type ConsolePageOptions,
  type ConsoleTest,
  type FindingsOptions,
} from '../support/console-browser.js';
import { requestRefresh } from '../support/project-api.js';
import { refreshOnce } from '../support/refresh-steps.js';
import type { TestApp, TestProject } from '../support/start-app.js';
import { ids } from '../support/token-ids.js';

const LONG_NAME =
  'The Collected Voyagers of the Aeon and of the Outer Rift, Second Edition with Additional Ships and Crews';

let running: ConsoleTest;
let test: TestApp;
/** It has a refresh of a million tokens that runs, with failures for many reasons. */
let project: TestProject;
let refreshId: string;
let failedId: string;
let operator: BrowserVisitor;
let partner: BrowserVisitor;
/** Of a project that has a collection, and nothing else. */
let newcomer: BrowserVisitor;
beforeAll(async () => {
  running = await startConsole();
  ({ test } = running);
  project = await test.aProject({ tokens: ids(30), limits: { tokensPerHour: 1_200_000 } });
  await test.app
    .get(Projects)
    .updateProject(project.id, { name: 'Aeon Interactive Entertainment Studios International' });
  await nameCollection(test, project, LONG_NAME);
  for (const id of ids(9)) test.metadataApi.respond(id, 404, `<html><body>${'Not found. '.repeat(60)}</body></html>`);
  failedId = await refreshOnce(test, project, ids(30));
  refreshId = await requestRefresh(test.app, project, ids(30));
  await growTo1Million();
  const other = await test.aProject({ tokens: ids(3) });
  [operator, partner, newcomer] = [
    await running.browser.anOperator('Mira Katharina von Hohenstein-Waldburg'),
    await running.browser.aPartner(project),
    await running.browser.aPartner(other),
  ];
});
afterAll(() => running.stop());
afterEach(() => running.browser.closePages());

/** As if workers had fetched most of a large refresh: a fifth has failed, for twelve reasons. */
async function growTo1Million(): Promise<void> {
  const reasons = Object.entries({
    unable_to_retrieve_metadata: ['timeout', 'tls', 'dns', 'connection_refused', 'too_large', 'incomplete_body'],
    unable_to_decode_response: [
      'invalid_json',
      'not_json',
      'empty_body',
      'no_known_fields',
      'empty_metadata',
      'wrong_type',
    ],
  }).flatMap(([code, names]) => names.map((reason) => ({ code, reason })));
  await test.database.query(
    `update nft_metadata.refreshes set total = 1000000, succeeded = 612345, failed = 198765, unchanged = 100000,
       created_at = now() - interval '73 minutes' where id = $1`,
    [refreshId],
  );
  for (const [index, { code, reason }] of reasons.entries())
    await test.database.query(
      `with added as (
         insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, body, error_code, reason, created_at)
         select $1, 1000000 * $4::int + n, 'https://metadata.voyagers-of-aeon.example/a/very/long/path/of/documents/' || n, '{"name": "Voy', $2, $3,
           now() - n * interval '1 second'
         from generate_series(1, 40) as n
       )
       insert into nft_metadata.refresh_reasons (refresh_id, error_code, reason, count, example_token_id)
       values ($1, $2, $3, $5::int, 1000000 * $4::int + 1)`,
      [refreshId, code, reason, index + 1, index === 0 ? 198_765 - 11 * 40 : 40],
    );
}

/** Runs before the scripts of a page: what becomes of its reads of these endpoints. */
const respondingWith = (pattern: RegExp, response: string, after = 0) => `{
  const real = globalThis.fetch;
  let reads = 0;
  globalThis.fetch = (url, init) => {
    if (!${String(pattern)}.test(String(url)) || (reads += 1) <= ${after}) return real(url, init);
    return ${response};
  };
}`;
const NEVER = 'new Promise(() => {})';
const errorWith = (status: number, body: object) =>
  `Promise.resolve(new Response('${JSON.stringify(body)}', { status: ${status}, headers: { 'content-type': 'application/json' } }))`;
const FAULT = errorWith(500, {
  code: 'internal_error',
  message: 'This failed because of an error in the service. Its log says which.',
  requestId: '0f9d2c51-7a52-4c3b-9b0e-2f3a51f7d0aa',
});
const SIGNED_OUT = errorWith(401, { code: 'not_signed_in', message: 'Sign in first.', requestId: '1' });
const YESTERDAY = `new MutationObserver(() => {
  const build = document.querySelector('meta[name=build]');
  if (build) build.content = 'yesterday';
}).observe(document, { childList: true, subtree: true });`;

interface State extends FindingsOptions {
  who: () => BrowserVisitor | Promise<BrowserVisitor>;
  path: () => string;
  before?: string;
  /** Brings the page into the state, and waits for it. */
  reach?: (page: ConsolePage) => Promise<void>;
  /** Only on a phone there is a menu to open. */
  on?: 'phone';
}

const openDialog = (button: string, text: string) => async (page: ConsolePage) => {
  await page.isSettled();
  await page.click(button, 'main');
  await page.shows(text);
};
const shows = (text: string | RegExp) => (page: ConsolePage) => page.shows(text, 20_000);
const theOperator = () => operator;
const theNewcomer = () => newcomer;
const failedPath = () => `refreshes/${failedId}`;

const STATES: Readonly<Record<string, State>> = {
  'a-million': { who: theOperator, path: () => `refreshes/${refreshId}`, reach: shows('811,110 of 1,000,000') },
  'a-million-partner': {
    who: () => partner,
    path: () => `refreshes/${refreshId}`,
    reach: shows('811,110 of 1,000,000'),
  },
  'many-failures': { who: theOperator, path: () => 'failures?since=24h' },
  'long-names': { who: theOperator, path: () => 'refreshes' },
  'overview-busy': { who: theOperator, path: () => '', reach: shows('Running') },
  loading: {
    who: theOperator,
    path: () => 'refreshes',
    before: respondingWith(/api\/refreshes/, NEVER),
    reach: async ({ page }) => void (await page.waitForSelector('.grey.late')),
    isLoading: true,
  },
  error: {
    who: theOperator,
    path: () => 'refreshes',
    before: respondingWith(/api\/refreshes/, FAULT),
    reach: shows('Request 0f9d2c51'),
  },
  'error-page': {
    who: theOperator,
    path: failedPath,
    before: respondingWith(/api\/refreshes/, FAULT),
    reach: shows('Request 0f9d2c51'),
  },
  'loading-page': {
    who: theOperator,
    path: failedPath,
    before: respondingWith(/api\/refreshes/, NEVER),
    reach: async ({ page }) => void (await page.waitForSelector('.grey.late')),
    isLoading: true,
  },
  'new-rows': {
    who: theOperator,
    path: () => 'refreshes',
    async reach(page) {
      await page.isSettled();
      await requestRefresh(test.app, project, ['1']);
      await page.shows(/\d new/);
    },
  },
  stale: {
    who: theOperator,
    path: () => 'refreshes',
    before: respondingWith(/api\/refreshes/, 'Promise.reject(new TypeError())', 1),
    reach: shows('Last heard'),
  },
  outdated: { who: theOperator, path: () => 'refreshes', before: YESTERDAY, reach: shows('The console was updated.') },
  'signed-out-meanwhile': {
    who: theOperator,
    path: () => 'refreshes',
    before: respondingWith(/api\/refreshes/, SIGNED_OUT, 1),
    reach: shows('Your session has ended.'),
  },
  'sign-in-refused': {
    who: () => running.browser.aVisitor(),
    path: () => '',
    async reach(page) {
      await page.click('Operator');
      await page.fill('Operator secret', 'a secret that is wrong, and long');
      await test.database.query('delete from nft_metadata.request_windows');
      await page.click('Sign in');
      await page.shows('This does not let you in');
    },
  },
  'sign-in-wallet': {
    who: () => running.browser.aVisitor(),
    path: () => '',
    async reach(page) {
      await page.click('Wallet');
      await page.fill('Address of the wallet', project.wallet.address);
      await page.click('Get the text to sign');
      await page.shows('wants you to sign in');
    },
  },
  'empty-overview': { who: theNewcomer, path: () => '' },
  'empty-refreshes': { who: theNewcomer, path: () => 'refreshes' },
  'empty-failures': { who: theNewcomer, path: () => 'failures' },
  'empty-hosts': { who: theNewcomer, path: () => 'hosts' },
  'empty-webhooks': { who: theNewcomer, path: () => 'webhooks' },
  'empty-tokens': { who: theNewcomer, path: () => 'tokens' },
  'empty-reveals': { who: theNewcomer, path: () => 'reveals' },
  'token-never-fetched': { who: theNewcomer, path: () => 'tokens?q=1' },
  'page-not-found': { who: theOperator, path: () => 'no/such/page' },
  'search-hits': {
    who: theOperator,
    path: () => 'refreshes',
    async reach(page) {
      await page.isSettled();
      await page.page.type('input[type=search]', '1');
      await page.page.keyboard.press('Enter');
      await page.page.waitForSelector('ul.hits li a');
    },
    isMainCovered: true,
  },
  'search-without-a-hit': {
    who: theOperator,
    path: () => 'refreshes',
    async reach(page) {
      await page.isSettled();
      await page.page.type('input[type=search]', 'nobody.example');
      await page.page.keyboard.press('Enter');
      await page.shows('Nothing has this id');
    },
  },
  'dialog-retry': { who: theOperator, path: failedPath, reach: openDialog('Retry 9 failed', 'Retry 9 failed tokens?') },
  'dialog-cancel': {
    who: theOperator,
    path: () => `refreshes/${refreshId}`,
    reach: openDialog('Cancel', 'Cancel this refresh?'),
  },
  'dialog-limits': {
    who: theOperator,
    path: () => `projects/${project.id}`,
    reach: openDialog('Change', 'Limits of Aeon'),
  },
  'dialog-concurrency': {
    who: theOperator,
    path: () => `hosts/${encodeURIComponent(test.metadataApi.host)}`,
    reach: openDialog('Concurrent requests: 8', 'oncurrent requests'),
  },
  'dialog-keys': {
    who: theOperator,
    path: () => 'refreshes',
    async reach(page) {
      await page.isSettled();
      await page.page.keyboard.type('?');
      await page.shows('Single keys are on');
    },
  },
  menu: {
    who: theOperator,
    path: () => 'refreshes',
    async reach(page) {
      await page.isSettled();
      await page.click('Menu');
      await page.page.waitForSelector('dialog.drawer[open]');
    },
    on: 'phone',
  },
};

async function openIn(state: State, options: ConsolePageOptions): Promise<ConsolePage> {
  const { who, path, before, reach } = state;
  const page = await (await who()).open(path(), { ...options, ...(before !== undefined && { before }) });
  await reach?.(page);
  return page;
}

describe.each(Object.entries(STATES))('the state %s', (name, state) => {
  const looks = LOOKS.filter(([size]) => state.on === undefined || state.on === size);
  testLooks(`state-${name}`, (options) => openIn(state, options), { looks, ...state });
});

const READ: readonly [name: string, path: () => string][] = [
  ['refresh', () => `refreshes/${refreshId}`],
  ['refreshes', () => 'refreshes'],
  ['host', () => `hosts/${encodeURIComponent(test.metadataApi.host)}`],
  ['failures', () => 'failures?since=24h'],
  ['token', () => `tokens/1/${project.collectionAddress}/1`],
  ['project', () => `projects/${project.id}`],
  ['overview', () => ''],
];

describe.each(READ)('the page %s', (name, path) => {
  it.each(Object.keys(WIDTHS) as (keyof typeof WIDTHS)[])(
    'with text of twice the size on a %s cuts nothing off, does not scroll sideways, and passes axe [K44]',
    async (size) => {
      const page = await operator.open(path(), { viewport: { ...WIDTHS[size], height: 2400 } });
      await page.isSettled();
      await page.setTextSize(32);
      await page.page.waitForFunction(`${ROOT_SIZE} === '32px'`);

      expect(await page.findings(`double-text-${name}-${size}`, { fullPage: false })).toEqual([]);
      expect(await page.page.evaluate(CUT_OFF)).toEqual([]);
      expect(await page.page.evaluate(ROOT_SIZE)).toBe('32px');
    },
  );

  it('with forced colours has its words, and shapes whose colours say something, in colours that differ [K44]', async () => {
    const page = await operator.open(path());
    await page.isSettled();
    await page.forceColours();

    expect(await page.findings(`forced-colours-${name}`)).toEqual([]);
    expect(await page.page.evaluate(HIDDEN_SHAPES)).toEqual([]);
  });

  it('has at 390 pixels each button and link that it has on a desktop, where a finger reaches it [K46]', async () => {
    const page = await operator.open(path());
    await page.isSettled();
    const onDesktop = (await page.page.evaluate(REACHABLE)) as string[];
    await page.page.setViewport(WIDTHS.phone);
    const onPhone = (await page.page.evaluate(REACHABLE)) as string[];

    expect(onDesktop.length).toBeGreaterThan(1);
    expect(onDesktop.filter((one) => !onPhone.includes(one))).toEqual([]);
  });
});

it('with reduced motion nothing moves while a page loads or a refresh runs [K46]', async () => {
  for (const state of [STATES['loading']!, STATES['a-million']!, STATES['stale']!]) {
    const page = await openIn(state, {});
    await page.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);

    expect(
      await page.page.evaluate('document.getAnimations().filter((one) => one.playState === "running").length'),
    ).toBe(0);
    await page.close();
  }
});

const ROOT_SIZE = `getComputedStyle(document.documentElement).fontSize`;

/** Parts that are wider than what is seen of them, unless they say so with an ellipsis, and buttons that begin outside of their card. */
const CUT_OFF = `[...document.querySelectorAll('main *')].filter((element) => {
  const { overflowX, textOverflow } = getComputedStyle(element);
  const card = element.matches('.btn') ? element.closest('.card') : null;
  if (card && element.getBoundingClientRect().left < card.getBoundingClientRect().left) return true;
  const isCut = ['hidden', 'clip'].includes(overflowX) && textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1;
  return isCut && element.clientWidth > 1;
}).map((element) => element.outerHTML.slice(0, 100))`;

/** Names of what can be clicked in the page itself, and is not covered when it is scrolled to. */
const REACHABLE = `[...document.querySelectorAll('main button, main a[href], main summary, main select')].filter((element) => {
  element.scrollIntoView({ block: 'center', inline: 'center' });
  const { x, y, width, height } = element.getBoundingClientRect();
  const top = document.elementFromPoint(x + Math.min(width / 2, 20), y + height / 2);
  return width > 0 && top !== null && (element.contains(top) || top.contains(element));
}).map((element) => (element.getAttribute('aria-label') ?? element.innerText).trim().replaceAll(/\\s+/g, ' ') + ' ' + (element.getAttribute('href') ?? ''))`;

/** Bars and dots that have the colour of what is behind them. */
const HIDDEN_SHAPES = `[...document.querySelectorAll('.bar i:not(.wait), .meter i, .dot, .tries i, .live i')].filter((element) => {
  const { width, height } = element.getBoundingClientRect();
  if (width === 0 || height === 0) return false;
  const { backgroundColor, borderTopWidth } = getComputedStyle(element);
  const behind = getComputedStyle(document.body).backgroundColor;
  return borderTopWidth === '0px' && (backgroundColor === behind || backgroundColor === 'rgba(0, 0, 0, 0)');
}).map((element) => element.outerHTML.slice(0, 100))`;
