import { setTimeout as delay } from 'node:timers/promises';
import { startConsole, type BrowserVisitor, type ConsolePage, type ConsoleTest } from '../support/console-browser.js';
import { requestRefresh } from '../support/project-api.js';
import { refreshOnce, workSecondsLater } from '../support/refresh-steps.js';
import type { TestApp, TestProject } from '../support/start-app.js';

const TOKENS = ids(1, 12);
const NOT_FOUND = ['3', '4', '5', '6', '9'];

let running: ConsoleTest;
let test: TestApp;
let operator: BrowserVisitor;
beforeAll(async () => {
  // Tokens can be held for longer than by default.
  running = await startConsole({ FETCH_DEADLINE_MS: '11000' });
  ({ test } = running);
  operator = await running.browser.anOperator();
});
afterAll(() => running.stop());
beforeEach(() => test.metadataApi.forgetScripts());
afterEach(async () => {
  await test.database.query("update nft_metadata.metadata_hosts set cooldown_until = '-infinity'");
  await running.browser.closePages();
});

function ids(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}

/** Of tokens 1 to 12: 2 is not JSON, five are not found, 12 is a server error. */
async function aRefreshWithFailures(
  limits: Parameters<TestApp['aProject']>[0] = {},
): Promise<{ project: TestProject; refreshId: string }> {
  const project = await test.aProject({ tokens: TOKENS, ...limits });
  test.metadataApi.respond('2', 200, '{"name": "cut');
  for (const id of NOT_FOUND) test.metadataApi.respond(id, 404, 'not here');
  test.metadataApi.respond('12', 500, 'oh no');
  return { project, refreshId: await refreshOnce(test, project, TOKENS) };
}

const tokenIds = (page: ConsolePage) => page.texts('[aria-labelledby=tokens] tbody b');

describe('progress', () => {
  it('bar, counts and percentage follow the database, add up, and never go back [K24]', async () => {
    const tokens = ids(1, 10_000);
    const project = await test.aProject({ tokens, limits: { tokensPerRequest: 10_000 } });
    const refreshId = await requestRefresh(test.app, project, tokens);
    const page = await operator.open(`refreshes/${refreshId}`);
    await page.shows(/0%\s+0 of 10,000 tokens done/);
    const seen: Progress[] = [];
    /** What the database had done, and when this was known. */
    const done: { at: number; count: number }[] = [];
    const look = async () => {
      done.push({ count: await countDone(refreshId), at: performance.now() });
      const at = performance.now();
      seen.push({ ...(await readProgress(page)), at });
    };

    let isDone = false;
    const work = test.worker.runOnce().then(() => (isDone = true));
    while (!isDone) {
      await look();
      await Promise.race([work, delay(100)]);
    }
    await page.shows(/100%\s+10,000 of 10,000 tokens done/, 3000);
    await look();

    const counts = seen.map(({ done: count }) => count);
    expect(new Set(seen.map(({ sum }) => sum))).toEqual(new Set([10_000]));
    expect(counts).toEqual(counts.toSorted((one, other) => one - other));
    expect(new Set(counts).size).toBeGreaterThan(2);
    for (const { done: shown, percent, bar, at } of seen) {
      expect([percent, Math.abs(bar - shown / 10_000) < 0.02]).toEqual([Math.floor(shown / 100), true]);
      const behind = done.findLast((known) => known.at <= at - 3000)?.count ?? 0;
      expect(shown).toBeGreaterThanOrEqual(behind);
    }
    await page.shows('Completed');
  });

  it('a host in cooldown is named with a countdown that the time left includes, and nothing has failed [K25]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 429, body: '', headers: { 'retry-after': '40' } });
    const refreshId = await refreshOnce(test, project, ['1']);
    const page = await operator.open(`refreshes/${refreshId}`);

    await page.shows(/host in cooldown for (3\d|40) s/);
    await page.shows(/asked for a pause: the pending tokens are fetched after \d\d:\d\d:\d\d/);
    expect(await page.texts('.sums a')).toContain('Failed\n0');
    expect(await page.text('main')).not.toMatch(/went wrong|could not/i);
    const [, first] = /for (\d+) s/.exec(await page.text('.lead'))!;
    await page.shows(new RegExp(`host in cooldown for ${Number(first) - 2} s`));
  });

  it('a token that is tried again says when and which try, and then its verdict, without a reload [K31]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const busy = { status: 429, body: '', headers: { 'retry-after': '30' } };
    test.metadataApi.script('1', busy, { status: 200, body: { name: 'One' } });
    const refreshId = await refreshOnce(test, project, ['1']);
    const page = await operator.open(`refreshes/${refreshId}`);

    await page.shows(/Response 429; trying again in \d+ s, try 2 of 3/);
    await workSecondsLater(test, 40);
    await page.shows('First document');
    expect(await page.text('[aria-labelledby=tokens] tbody')).toMatch(/One/);
  });

  it('a token whose next try is due during another cooldown of its host is tried again after it [K31]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 429, body: '', headers: { 'retry-after': '30' } });
    const refreshId = await refreshOnce(test, project, ['1']);
    await test.database.advance(60);
    await test.database.query("update nft_metadata.metadata_hosts set cooldown_until = now() + interval '50 seconds'");
    const page = await operator.open(`refreshes/${refreshId}`);

    await page.shows(/Response 429; trying again in (4\d|50) s, try 2 of 3/);
  });

  it('times are right on a computer whose clock is an hour wrong [K48]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 429, body: '', headers: { 'retry-after': '40' } });
    const refreshId = await refreshOnce(test, project, ['1']);
    const page = await operator.open(`refreshes/${refreshId}`, { before: ONE_HOUR_LATE });

    await page.shows(/host in cooldown for (3\d|40) s/);
    await page.shows(/Updated \d s ago/);
    await page.page.waitForSelector('[aria-labelledby=tokens] tbody tr');
    expect((await page.texts('[aria-labelledby=tokens] td:last-child'))[0]).toMatch(/^\d+ s$/);
  });
});

it('an open overview says that no worker runs within ten seconds, with what to do, and no longer when one does [K53]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const page = await operator.open('');
  await page.shows(/(What|Nothing) needs you/);
  expect(await page.text('main')).not.toContain('No worker runs');

  await requestRefresh(test.app, project, ['1']);
  await test.database.advance(10);
  await page.shows('No worker runs, and tokens wait', 10_000);
  await page.shows('Start the service with a worker');
  const other = await operator.open('');
  await other.click('Look at: No worker runs, and tokens wait');
  await other.shows('The processes that fetch');
  expect(other.path()).toBe('/workers');
  // Pages behind others do not read.
  await page.page.bringToFront();
  await test.worker.runOnce();
  await page.page.waitForFunction('!document.body.innerText.includes("No worker runs")', { timeout: 10_000 });
});

describe('what to fix', () => {
  it('three reasons are three rows, the most frequent first, with advice, ids and an example [K26]', async () => {
    const { refreshId } = await aRefreshWithFailures();
    const page = await operator.open(`refreshes/${refreshId}`);

    await page.shows('7 tokens failed, for three reasons. They still show what they showed before.');
    await page.page.waitForSelector('.fixes li');
    expect(await page.texts('.fixes .count')).toEqual(['5', '1', '1']);
    const [first] = await page.texts('.fixes li');
    expect(first).toMatch(/^5\s+Your server has no document for these tokens\s+status_404/);
    expect(first).toMatch(/Publish it, or check the metadata URL and the ids\. .*3 to 6/);
    expect(first).toMatch(/Requested for token 3: http:\/\/127\.0\.0\.1:\d+\/0x[0-9a-f]{40}\/3/);
    expect(first).toMatch(/It sent: not here/);
  });

  /** Of two tokens: one has failed, and the other one will. */
  async function aRefreshThatFails() {
    const project = await test.aProject({ tokens: ['1', '2'] });
    test.metadataApi.respond('1', 404);
    test.metadataApi.script('2', { status: 429, body: '' }, { status: 404, body: '' });
    return refreshOnce(test, project, ['1', '2']);
  }

  // Half a minute later the page reads the reasons again, and after a minute the tokens.
  it('the reasons of a refresh that has just been completed have all tokens that failed', async () => {
    const page = await operator.open(`refreshes/${await aRefreshThatFails()}`);
    await page.shows('Show 1');

    await workSecondsLater(test, 60);

    await page.shows('Completed');
    await page.shows('Show 2', 10_000);
  });

  it('the failed tokens of a refresh that has just been completed are all there', async () => {
    const page = await operator.open(`refreshes/${await aRefreshThatFails()}?verdict=failed`);
    const countRows = async () => (await page.texts('[aria-labelledby=tokens] tbody tr')).length;
    await vi.waitUntil(async () => (await countRows()) === 1, { timeout: 10_000 });

    await workSecondsLater(test, 60);

    await page.shows('Completed');
    await vi.waitUntil(async () => (await countRows()) === 2, { timeout: 10_000 });
  });

  it('"Show 5" is the same five tokens after a reload, and for somebody else who gets the URL [K28]', async () => {
    const { project, refreshId } = await aRefreshWithFailures();
    const page = await operator.open(`refreshes/${refreshId}`);
    await page.click('Show 5');

    const expectNotFound = async (shown: ConsolePage) => {
      await vi.waitUntil(async () => (await tokenIds(shown)).length === 5, { timeout: 10_000 });
      expect(await tokenIds(shown)).toEqual(NOT_FOUND);
    };
    await expectNotFound(page);
    await page.page.reload();
    await expectNotFound(page);
    const partner = await running.browser.aPartner(project);
    await expectNotFound(await partner.open(page.path().slice(1)));
  });

  it('a retry of one reason names its number and the quota, and makes a refresh of exactly its tokens [K29]', async () => {
    const { project, refreshId } = await aRefreshWithFailures();
    const page = await (await running.browser.aPartner(project)).open(`refreshes/${refreshId}`);

    await page.click('Retry the 5 with status_404');
    await page.shows('Retry 5 failed tokens?');
    expect(await page.text('dialog[open]')).toMatch(
      /only those with status_404\.[^]*This uses 5 of the 29,988 tokens that are left of your quota, which is full again at \d\d:\d\d\./,
    );
    expect(await focusedText(page)).toBe('Not now');
    await page.click('Retry 5', 'dialog[open]');
    await page.shows('5 tokens are requested again, in a new refresh.');
    await page.click('Show it');
    await page.shows(`retries failed tokens of ${refreshId.slice(0, 8)}…${refreshId.slice(-4)}`);

    const newId = page.path().split('/').at(-1)!;
    const rows = await test.database.query<{ tokens: string[] }>(
      'select token_ids::text[] as tokens from nft_metadata.refresh_chunks where refresh_id = $1',
      [newId],
    );
    expect(rows.flatMap(({ tokens }) => tokens)).toEqual(NOT_FOUND);
    await test.worker.runOnce();
  });

  it('a retry of more tokens than the quota has left is refused in the dialog, with the time when it works [K30]', async () => {
    const { project, refreshId } = await aRefreshWithFailures({ limits: { tokensPerHour: 14 } });
    const page = await (await running.browser.aPartner(project)).open(`refreshes/${refreshId}`);

    await page.click('Retry 7 failed');
    await page.shows(/That is more than the quota has left\. It works again at \d\d:\d\d/);
    await page.click('Retry 7', 'dialog[open]');

    expect(page.calls.filter((call) => call.startsWith('POST'))).toEqual([]);
    const [row] = await test.database.query<{ count: number }>(
      'select count(*)::int from nft_metadata.refreshes where project_id = $1',
      [project.id],
    );
    expect(row).toEqual({ count: 1 });
  });
});

describe('control', () => {
  it('a refresh is paused and resumed with one click, and cancelled with two', async () => {
    const project = await test.aProject({ tokens: TOKENS });
    const refreshId = await requestRefresh(test.app, project, TOKENS);
    const page = await operator.open(`refreshes/${refreshId}`);

    await page.click('Pause');
    await page.shows('The refresh is paused.');
    await page.click('Resume');
    await page.shows('The refresh goes on');
    await page.click('Cancel');
    await page.shows('Cancel this refresh?');
    expect(await focusedText(page)).toBe('Keep it running');
    await page.click('Cancel 12 tokens', 'dialog[open]');
    await page.shows('The refresh is cancelled.');
    await test.worker.runOnce();
    await page.shows(/Cancelled\s+12/);
  });

  it('the console works with the keyboard alone, and single keys can be turned off [K45]', async () => {
    const { refreshId } = await aRefreshWithFailures();
    const page = await operator.open(`refreshes/${refreshId}`);
    const { keyboard } = page.page;
    await page.page.waitForSelector('.fixes li');

    await keyboard.press('f');
    await vi.waitUntil(() => page.path().includes('verdict=failed'), { timeout: 10_000 });
    await keyboard.press('f');
    await vi.waitUntil(() => !page.path().includes('verdict=failed'), { timeout: 10_000 });
    await tabTo(page, /^Retry the 5 with status_404$/);
    await keyboard.press('Enter');
    await page.shows('Retry 5 failed tokens?');
    await tabTo(page, /^Retry 5$/);
    await keyboard.press('Enter');
    await page.shows('5 tokens are requested again');
    await tabTo(page, /^Show it$/);
    await keyboard.press('Enter');
    await page.shows('retries failed tokens of');

    await keyboard.type('?');
    await page.shows('Single keys are on');
    await tabTo(page, /^Single keys are on/);
    await keyboard.press('Space');
    await keyboard.press('Escape');
    const path = page.path();
    await keyboard.press('f');
    await keyboard.type('gh');
    await keyboard.press('Tab');
    expect(page.path()).toBe(path);
    await test.worker.runOnce();
  });

  it('progress is announced at most every ten seconds [K45]', async () => {
    const tokens = ids(1, 3);
    const project = await test.aProject({ tokens });
    test.metadataApi.hold();
    const refreshId = await requestRefresh(test.app, project, tokens);
    const page = await operator.open(`refreshes/${refreshId}`, { before: CLOCK_OF_THE_TEST });
    const work = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount === 3, { timeout: 10_000 });
    const finish = (count: number) => test.metadataApi.respondToHeld(count, { status: 200, body: { name: 'Any' } });
    const announced = () =>
      page.page.$eval('[aria-live=polite]', (region: { textContent: string | null }) => region.textContent);

    finish(1);
    await page.shows(/33%/);
    expect(await announced()).toBe('');
    await page.page.evaluate('performance.later += 10_000');
    finish(1);
    await page.shows(/66%/);
    await vi.waitUntil(async () => (await announced()) === '66% done', { timeout: 10_000 });
    finish(1);
    await vi.waitUntil(async () => (await announced()) === 'Completed, 0 tokens failed', { timeout: 10_000 });
    test.metadataApi.releaseHeld();
    await work;
  });
});

/** The viewer's clock, as scripts and the browser's own code read it. */
const ONE_HOUR_LATE = `
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given) { given.length === 0 ? super(RealDate.now() + 3_600_000) : super(...given); }
    static now() { return RealDate.now() + 3_600_000; }
  };`;

const CLOCK_OF_THE_TEST = `
  const real = performance.now.bind(performance);
  performance.later = 0;
  performance.now = () => real() + performance.later;`;

async function countDone(refreshId: string): Promise<number> {
  const [row] = await test.database.query<{ count: number }>(
    'select succeeded + failed as count from nft_metadata.refreshes where id = $1',
    [refreshId],
  );
  return row!.count;
}

/** What a page shows at one moment: tokens that are done, the sum of all counts, the percentage, and how much of the bar is filled. */
interface Progress {
  done: number;
  sum: number;
  percent: number;
  bar: number;
  at: number;
}

function readProgress({ page }: ConsolePage): Promise<Omit<Progress, 'at'>> {
  return page.$eval('.progress', (card: ProgressCard) => {
    const toNumber = (text: string) => Number(text.replaceAll(',', ''));
    const [, isLess, percent] = /(< )?(\d+)%/.exec(card.innerText)!;
    const [, done] = /([\d,]+) of [\d,]+ tokens/.exec(card.innerText)!;
    const sums = [...card.innerText.matchAll(/(?:Updated|Unchanged|Failed|Trying again|Waiting)\s+([\d,]+)/g)];
    const widths = [...card.querySelectorAll('.bar i')].map(
      (part) => [part.className, part.getBoundingClientRect().width] as const,
    );
    const whole = card.querySelector('.bar').getBoundingClientRect().width;
    const filled = widths.filter(([tone]) => !/wait|again|retry/.test(tone)).reduce((sum, [, width]) => sum + width, 0);
    return {
      done: toNumber(done!),
      sum: sums.reduce((sum, [, count]) => sum + toNumber(count!), 0),
      percent: isLess ? 0 : Number(percent),
      bar: filled / whole,
    };
  });
}

interface Box {
  className: string;
  getBoundingClientRect(): { width: number };
}
interface ProgressCard {
  innerText: string;
  querySelector(selector: string): Box;
  querySelectorAll(selector: string): Iterable<Box>;
}

const FOCUSED_NAME = `document.activeElement.getAttribute('aria-label')
  ?? document.activeElement.labels?.[0]?.innerText.trim() ?? document.activeElement.innerText?.trim() ?? ''`;

function focusedText({ page }: ConsolePage): Promise<unknown> {
  return page.evaluate(FOCUSED_NAME);
}

/** Presses Tab until what has this name is focused. */
async function tabTo({ page }: ConsolePage, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press('Tab');
    if (name.test(String(await page.evaluate(FOCUSED_NAME)))) return;
  }
  throw new Error(`Tab does not reach ${String(name)}`);
}
