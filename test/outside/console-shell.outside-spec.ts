import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HTTPRequest } from 'puppeteer-core';
import { startConsole, type BrowserVisitor, type ConsolePage, type ConsoleTest } from '../support/console-browser.js';
import { refreshOnce } from '../support/refresh-steps.js';
import { Projects } from '@app/project-auth';
import type { TestApp } from '../support/start-app.js';

let running: ConsoleTest;
let test: TestApp;
let operator: BrowserVisitor;
beforeAll(async () => {
  running = await startConsole();
  ({ test } = running);
  operator = await running.browser.anOperator();
});
afterAll(() => running.stop());
afterEach(() => running.browser.closePages());

async function aRefresh() {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  return { project, refreshId: await refreshOnce(test, project, ['1', '2', '3']) };
}

describe('signing in', () => {
  it('an operator signs in with the secret, and signs out', async () => {
    const page = await (await running.browser.aVisitor()).open('refreshes');

    await page.shows('Sign in');
    await page.click('Operator');
    await page.fill('Operator secret', 'a secret that is wrong, and long');
    await page.click('Sign in');
    await page.shows(/wrong|unknown/i);
    await page.fill('Operator secret', running.operatorSecret);
    await page.fill('Your name', 'Mira K.');
    await page.click('Sign in');
    await page.shows('Each request for tokens');
    expect(page.path()).toBe('/refreshes');
    expect(await page.text('.who')).toMatch(/Mira K\.\s+Operator/);
    await page.click('Sign out');
    await page.shows('Sign in');
  });

  it('when its API key is revoked, a partner is asked to sign in again, and is then on the same page [K13]', async () => {
    const { project, refreshId } = await aRefresh();
    const page = await (await running.browser.aPartner(project)).open(`refreshes/${refreshId}?verdict=updated`);
    await page.shows('3 of 3 tokens done');
    const another = await test.app.get(Projects).createApiKey(project.id);

    await test.revokeApiKey(project);
    await setVisibility(page, 'hidden');
    await setVisibility(page, 'visible');
    await page.shows('Your session has ended.');
    expect(await page.text()).not.toContain('3 of 3 tokens done');
    await page.fill('API key', another);
    await page.click('Sign in');
    await page.shows('3 of 3 tokens done');
    expect(page.path()).toBe(`/refreshes/${refreshId}?verdict=updated`);
  });

  it('a wallet signs in by a pasted signature, without a wallet in the browser [K15]', async () => {
    const { project } = await aRefresh();
    const page = await (await running.browser.aVisitor()).open('refreshes');

    await page.click('Wallet');
    await page.fill('Address of the wallet', project.wallet.address);
    await page.click('Get the text to sign');
    await page.page.waitForSelector('pre');
    await page.fill('Signature', await project.wallet.signMessage(await page.text('pre')));
    await page.click('Sign in');
    await page.shows('Each request for tokens');
  });

  it('a wallet in the browser signs in with one click, and the policy of the page does not keep it out [K15]', async () => {
    const { project } = await aRefresh();
    const page = await (
      await running.browser.aVisitor()
    ).open('refreshes', {
      before: `globalThis.ethereum = { request: (call) => globalThis.requestOfWallet(JSON.stringify(call)) };`,
      functions: {
        async requestOfWallet(text: string) {
          const { method, params } = JSON.parse(text) as { method: string; params: [string, string] };
          if (method === 'eth_requestAccounts') return [project.wallet.address];
          return project.wallet.signMessage(Buffer.from(params[0].slice(2), 'hex'));
        },
      },
    });

    await page.click('Wallet');
    await page.click('Sign with the wallet of this browser');
    await page.shows('Each request for tokens');
  });

  it('a link on another site opens a refresh, without a second sign-in [K19]', async () => {
    const { refreshId } = await aRefresh();
    const chat = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<h1>Chat</h1><a href="${running.browser.url}refreshes/${refreshId}">look</a>`);
    });
    await new Promise<void>((done) => void chat.listen(0, '127.0.0.1', done));
    const page = await operator.open('');
    await page.page.goto(`http://localhost:${(chat.address() as AddressInfo).port}/`);

    await page.click('look');
    await page.shows('3 of 3 tokens done');
    chat.closeAllConnections();
    chat.close();
    // Of the site of the link, which is not the console.
    page.faults.length = 0;
  });
});

describe('a connection that is lost', () => {
  it('while the database is unavailable the rows stay, and afterwards the page goes on by itself [K42]', async () => {
    const { refreshId } = await aRefresh();
    const page = await operator.open(`refreshes`);
    await page.page.waitForSelector('tbody tr');

    await test.database.refuseConnections();
    await page.shows(/Last heard \d\d:\d\d:\d\d, trying again/, 20_000);
    expect(await page.text('tbody')).toContain(`…${refreshId.slice(-4)}`);
    expect(await page.page.$('.live.stale')).not.toBeNull();
    await test.database.acceptConnections();
    await page.shows(/Updated \d+ s ago/, 40_000);
  });

  it('a hidden page asks for nothing, and is up to date as soon as it is shown again [K43]', async () => {
    const { project, refreshId } = await aRefresh();
    const [hidden, other] = [await operator.open('refreshes'), await operator.open('refreshes')];
    await hidden.page.waitForSelector('tbody tr');
    await setVisibility(hidden, 'hidden');
    await untilCalls(other, 1);
    const before = hidden.calls.length;

    await untilCalls(other, 3);
    expect(hidden.calls.slice(before)).toEqual([]);
    await refreshOnce(test, project, ['1', '2', '3']);
    await hidden.page.evaluate(WAIT_FOR_NEWS);
    await setVisibility(hidden, 'visible');
    expect(await hidden.page.evaluate('untilNews')).toBeLessThan(1000);
    await hidden.shows('1 new');
    expect(await hidden.text('tbody')).toContain(`…${refreshId.slice(-4)}`);
  });

  it('paused updates ask for nothing either, until they go on', async () => {
    await aRefresh();
    const paused = await operator.open('refreshes');
    await paused.page.waitForSelector('tbody tr');
    await paused.page.click('.live');
    await paused.shows('Updates paused');
    const other = await operator.open('refreshes');
    await untilCalls(other, 1);
    const before = paused.calls.length;

    await untilCalls(other, 2);
    expect(paused.calls.slice(before)).toEqual([]);
    await paused.page.bringToFront();
    await paused.page.click('.live');
    await paused.shows(/Updated \d s ago/);
  });
});

describe('what the page is made of', () => {
  it('the chosen theme is kept, and the other one is never seen [K47]', async () => {
    const page = await operator.open('refreshes', { theme: 'dark' });
    await page.isSettled();
    expect(await colours(page)).toEqual(['dark']);

    await page.click('Light');
    await page.page.evaluateOnNewDocument(WATCH_COLOURS);
    await page.page.reload();
    await page.isSettled();

    expect(await colours(page)).toEqual(['light']);
    await page.click('As the system');
    await page.page.reload();
    await page.isSettled();
    expect(await colours(page)).toEqual(['dark']);
  });

  it('without JavaScript there is a sentence, with the address of the API [K49]', async () => {
    const page = await (await running.browser.aVisitor()).open('', { javaScript: false });

    expect(await page.text()).toMatch(/needs JavaScript[^]*\/v1\/metadata-refreshes/);
  });

  it('the first content is there within a second on a computer that is four times slower [K49]', async () => {
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const page = await (await running.browser.aVisitor()).open('', { slowdown: 4 });
      await page.page.waitForSelector('h1');
      const paint = `performance.getEntriesByName('first-contentful-paint')[0]?.startTime`;
      times.push(await page.page.waitForFunction(paint).then((handle) => handle.jsonValue() as Promise<number>));
      await page.close();
    }

    expect(times.toSorted((one, other) => one - other)[2]).toBeLessThan(1000);
  });

  it('when another build responds, the page offers to reload and goes on working [K50]', async () => {
    await aRefresh();
    const page = await operator.open('refreshes', { before: BUILD_OF_YESTERDAY });

    await page.shows('The console was updated.');
    await page.page.waitForSelector('tbody tr');
    expect(await page.texts('.bar-note button')).toEqual(['Reload']);
  });

  it('when a file of the page is gone, the page is loaded again, once [K50]', async () => {
    const page = await operator.open('refreshes');
    await page.isSettled();
    let loads = 0;
    page.page.on('load', () => (loads += 1));
    await page.page.setRequestInterception(true);
    page.page.on('request', (request: HTTPRequest) => {
      const isGone = /assets\/hosts-/.test(request.url());
      void (isGone ? request.respond({ status: 404, body: '' }) : request.continue());
    });

    await page.click('Hosts');
    await page.shows('This page could not be loaded');
    expect(loads).toBe(1);
    await page.click('Refreshes');
    await page.shows('Each request for tokens');
  });

  it('an address that leads nowhere, and a refresh of somebody else, are the same page [K20]', async () => {
    const { refreshId } = await aRefresh();
    const stranger = await running.browser.aPartner(await test.aProject());
    const texts: string[] = [];
    for (const path of ['refreshes/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21', `refreshes/${refreshId}`]) {
      const page = await stranger.open(path);
      await page.shows('There is no such refresh');
      texts.push(await page.text('main'));
    }

    expect(texts[0]).toBe(texts[1]);
    const page = await stranger.open('nowhere');
    await page.shows('There is no such page');
  });
});

/** In milliseconds from when the page is shown until it shows what has happened meanwhile. */
const WAIT_FOR_NEWS = `{
  const shown = new Promise((resolve) => document.addEventListener('visibilitychange', () => resolve(performance.now()), { once: true }));
  const news = new Promise((resolve) => {
    const look = () => document.body.innerText.includes('1 new') && resolve(performance.now());
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  globalThis.untilNews = Promise.all([shown, news]).then(([from, to]) => to - from);
  // This evaluation does not wait for it.
  undefined;
}`;

/** `document.hidden`, as the browser tells it. */
async function setVisibility({ page }: ConsolePage, state: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${state}' });
    Object.defineProperty(document, 'hidden', { configurable: true, value: ${state === 'hidden'} });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));`);
}

/** Waits until the page has asked this often from now on. */
async function untilCalls(page: ConsolePage, count: number): Promise<void> {
  const from = page.calls.length;
  const isList = (call: string) => call.startsWith('GET refreshes');
  await vi.waitUntil(() => page.calls.slice(from).filter(isList).length >= count, { timeout: 30_000, interval: 50 });
}

const WATCH_COLOURS = `
  const seen = new Set();
  globalThis.seenColours = () => [...seen];
  const look = () => {
    if (document.body) seen.add(getComputedStyle(document.body).backgroundColor);
    requestAnimationFrame(look);
  };
  look();`;

/** The themes that were painted since the page was loaded; without a watch, the one that is painted now. */
async function colours({ page }: ConsolePage): Promise<string[]> {
  const seen = (await page.evaluate(
    `(globalThis.seenColours ?? (() => [getComputedStyle(document.body).backgroundColor]))()`,
  )) as string[];
  const names: Readonly<Record<string, string>> = { 'rgb(245, 246, 248)': 'light', 'rgb(13, 16, 21)': 'dark' };
  // Nothing is painted before the style sheet is there.
  return seen.filter((colour) => colour !== 'rgba(0, 0, 0, 0)').map((colour) => names[colour] ?? colour);
}

const BUILD_OF_YESTERDAY = `
  new MutationObserver(() => {
    const build = document.querySelector('meta[name=build]');
    if (build) build.content = 'yesterday';
  }).observe(document, { childList: true, subtree: true });`;
