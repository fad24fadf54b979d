import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { ConsoleIdentity, type IdentifiedPerson } from '@app/console';
import { MetadataHost } from '@app/testing';
import { Wallet } from 'ethers';
import { Projects } from '@app/project-auth';
import { ConsoleBrowser, type ConsolePage } from '../support/console-browser.js';
import { ADAPTERS, startConsoleHost } from '../support/console.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { aStudio, refreshOne, requestOne } from '../support/host-app.js';
import { PathProxy } from '../support/path-proxy.js';

let metadataApi: MetadataHost;
let database: TestDatabase;
let app: INestApplication | undefined;
let browser: ConsoleBrowser | undefined;
beforeAll(async () => {
  metadataApi = await MetadataHost.start();
});
beforeEach(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  try {
    await browser?.closePages();
  } finally {
    await browser?.stop();
    await app?.close();
    [browser, app] = [undefined, undefined];
    await database.drop();
  }
});
afterAll(() => metadataApi.close());

async function listen(host: INestApplication): Promise<number> {
  await host.listen(0, '127.0.0.1');
  return ((host.getHttpServer() as Server).address() as AddressInfo).port;
}

/** Opens each page of the menu by a click, and waits until it is there. Returns their paths below the console. */
async function visitMenu(page: ConsolePage): Promise<string[]> {
  const paths: string[] = [];
  await page.isSettled();
  const hrefs = await page.page.$$eval(MENU_LINKS, (links: { getAttribute(name: string): string | null }[]) =>
    links.map((link) => link.getAttribute('href')),
  );
  for (const href of hrefs) {
    await page.page.click(`${MENU_LINKS}[href="${href}"]`);
    await page.page.waitForSelector(`${MENU_LINKS}[href="${href}"][aria-current=page]`);
    await page.isSettled();
    paths.push(page.path());
  }
  return paths;
}

/** Not those of the drawer of phones. */
const MENU_LINKS = '.frame > nav.side li a';
const MENU = [
  '/',
  '/refreshes',
  '/tokens',
  '/failures',
  '/validate',
  '/reveals',
  '/hosts',
  '/workers',
  '/webhooks',
  '/projects',
];

describe.each(ADAPTERS)('on %s', (_, load) => {
  it('one line in an application shows the sign-in page at /console/, and from there every page [K1] [K2] [K5]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const origin = `http://127.0.0.1:${await listen(app)}`;
    browser = await ConsoleBrowser.start(`${origin}/console/`);

    const stranger = await (await browser.aVisitor()).open('');
    await stranger.shows('Sign in');
    await stranger.page.goto(`${origin}/console`);
    await stranger.shows('Sign in');
    expect(stranger.page.url()).toBe(`${origin}/console/`);
    const operator = await browser.anOperator();
    expect(await visitMenu(await operator.open(''))).toEqual(MENU);
    const unknown = await operator.open('no/such/page');
    await unknown.shows('There is no such page');
  });

  it.each<[string, { outside: string; prefix?: string; toInside: (path: string) => string }]>([
    ['strips a prefix', { outside: '/ops/console', toInside: (path) => path.replace(/^\/ops/, '') }],
    ['adds a prefix', { outside: '/console', prefix: 'api', toInside: (path) => `/api${path}` }],
    [
      'replaces a prefix',
      { outside: '/ops/console', prefix: 'api', toInside: (path) => path.replace(/^\/ops/, '/api') },
    ],
  ])(
    'behind a proxy that %s, every page works, and the cookie goes to the endpoints of the console alone [K4] [K17]',
    async (__, setup) => {
      const { outside, prefix, toInside } = setup;
      const configure = (host: INestApplication) => void (prefix && host.setGlobalPrefix(prefix));
      app = await startConsoleHost(database, metadataApi, {}, { adapter: await load(), configure });
      await listen(app);
      await using proxy = await PathProxy.start(await app.getUrl(), toInside);
      browser = await ConsoleBrowser.start(`${proxy.url}${outside}/`);
      const operator = await browser.anOperator();

      const page = await operator.open('');
      expect(await visitMenu(page)).toEqual(MENU);
      await page.page.goto(`${proxy.url}${outside}`);
      await page.isSettled();
      expect(page.page.url()).toBe(`${proxy.url}${outside}/`);
      const deep = await operator.open('refreshes/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21');
      await deep.shows('There is no such refresh');
      await page.page.goto(`${proxy.url}/shop`);

      const cookies = await operator.context.cookies();
      expect(
        cookies.map(({ name, domain, path, httpOnly, sameSite }) => ({ name, domain, path, httpOnly, sameSite })),
      ).toEqual([
        { name: 'nft-console', domain: '127.0.0.1', path: `${outside}/api`, httpOnly: true, sameSite: 'Strict' },
      ]);
      expect(await deep.page.evaluate('document.cookie')).toBe('');
      expect(proxy.pathsWithCookie.size).toBeGreaterThan(10);
      expect([...proxy.pathsWithCookie].filter((path) => !path.startsWith(`${outside}/api/`))).toEqual([]);
      // The page of the shop is not of the console.
      page.faults.length = 0;
    },
  );
});

it('on a domain the cookie is Secure and of this host alone, and a page of a sibling subdomain can change nothing [K17] [K18]', async () => {
  app = await startConsoleHost(database, metadataApi, {}, { nftRefresh: { runMode: 'api' } });
  const refreshId = await requestOne(app, await aStudio(app, metadataApi));
  const own = `http://console.shop.localhost:${await listen(app)}`;
  browser = await ConsoleBrowser.start(`${own}/console/`);
  const operator = await browser.anOperator();
  const refresh = await operator.open(`refreshes/${refreshId}`);
  await refresh.shows(/0 of 1 token/);
  const statuses: number[] = [];
  const cancel = `${own}/console/api/refreshes/${refreshId}/cancel`;
  const sibling = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(
      `<h1>Sibling</h1><form method="post" enctype="text/plain" action="${cancel}"><button name="{}" value="">Win</button></form>`,
    );
  });
  await new Promise<void>((done) => void sibling.listen(0, '127.0.0.1', done));
  const page = await operator.open('');
  const url = `http://evil.shop.localhost:${(sibling.address() as AddressInfo).port}/`;
  await page.page.goto(url);
  page.page.on('response', (response) => {
    if (response.url() === cancel) statuses.push(response.status());
  });

  const headers = `{ 'content-type': 'application/json', 'x-nft-console': '1' }`;
  for (const init of [`mode: 'no-cors', body: '{}'`, `mode: 'cors', headers: ${headers}, body: '{}'`])
    await page.page.evaluate(
      `fetch('${cancel}', { method: 'POST', credentials: 'include', ${init} }).catch(() => null)`,
    );
  await Promise.all([page.page.waitForNavigation(), page.click('Win')]);

  expect(statuses.filter((status) => status === 403).length).toBeGreaterThanOrEqual(2);
  expect(statuses.filter((status) => status < 400)).toEqual([]);
  const [cookie] = await operator.context.cookies();
  expect(cookie).toMatchObject({ name: '__Secure-nft-console', secure: true, domain: 'console.shop.localhost' });
  await refresh.page.reload();
  await refresh.shows(/0 of 1 token/);
  expect(await refresh.text('main')).toContain('Cancel');
  sibling.closeAllConnections();
  sibling.close();
  page.faults.length = 0;
});

it('a user of the application is in at once, is offered no action and no picture if they may not, and a stranger is told where to sign in [K16] [K22] [K39]', async () => {
  const known = new Map<string, IdentifiedPerson>([['mira', { kind: 'operator', name: 'Mira K.', mayAct: false }]]);
  class Shop extends ConsoleIdentity {
    override who({ headers }: { headers: Record<string, string> }): IdentifiedPerson | null {
      return known.get(headers['cookie']?.replace('user=', '') ?? '') ?? null;
    }
  }
  const identify = { provide: ConsoleIdentity, useClass: Shop };
  app = await startConsoleHost(database, metadataApi, { identify, images: 'off' });
  const studio = await aStudio(app, metadataApi);
  await refreshOne(app, studio);
  metadataApi.respond('1', 404, '');
  await refreshOne(app, studio);
  const refreshId = (
    await database.query<{ id: string }>('select id from nft_metadata.refreshes order by created_at desc')
  )[0]!.id;
  browser = await ConsoleBrowser.start(`http://127.0.0.1:${await listen(app)}/console/`);
  const [stranger, mira] = [await browser.aVisitor(), await browser.aVisitor()];
  await mira.context.setCookie({ name: 'user', value: 'mira', domain: '127.0.0.1', path: '/' });

  const outside = await stranger.open('');
  await outside.shows('Sign in first');
  expect(await outside.page.$$('input[type=password]')).toEqual([]);
  for (const path of [
    '',
    `refreshes/${refreshId}`,
    `tokens/1/${studio.address}/1`,
    'failures',
    'hosts',
    `hosts/${encodeURIComponent(metadataApi.host)}`,
    `projects/${studio.project.id}`,
  ]) {
    const page = await mira.open(path);
    await page.isSettled();
    expect(await page.text('.who')).toMatch(/Mira K\.\s+Operator, read-only/);
    expect([path, (await page.texts('main button')).filter((text) => ACTIONS.test(text))]).toEqual([path, []]);
    expect(await page.page.$('[aria-label="Sign out"]')).toBeNull();
  }
  known.set('mira', { kind: 'operator', name: 'Mira K.' });
  const acting = await mira.open(`tokens/1/${studio.address}/1`);
  await acting.isSettled();
  expect((await acting.texts('main button')).filter((text) => ACTIONS.test(text))).toEqual(['Refresh this token']);
});

const ACTIONS = /^(Retry|Cancel|Pause|Resume|Refresh|Enable|Send|Change|Revoke|End|Concurrent|Publish|Revert|Load)/;

it('a wallet that an extension brings signs in, whether it is a script of the page or announces itself, and the policy does not keep it out [K15]', async () => {
  app = await startConsoleHost(database, metadataApi);
  const wallet = Wallet.createRandom();
  await app.get(Projects).createProject({ name: 'Signers', ownerAddress: wallet.address });
  const url = `http://127.0.0.1:${await listen(app)}/console/`;
  const functions = {
    async requestOfWallet(text: string) {
      const { method, params } = JSON.parse(text) as { method: string; params: [string, string] };
      if (method === 'eth_requestAccounts') return [wallet.address];
      return wallet.signMessage(Buffer.from(params[0].slice(2), 'hex'));
    },
  };

  for (const [extension, button] of [
    [await anExtension('main world'), 'Sign with the wallet of this browser'],
    [await anExtension('script element'), 'Sign with Acorn'],
  ] as const) {
    browser = await ConsoleBrowser.start(url, extension);
    const page = await browser.aVisitorWithExtension().open('refreshes', { functions });
    await page.click('Wallet');
    await page.click(button);
    await page.shows('Each request for tokens');
    expect(page.faults.filter((fault) => !fault.startsWith('requested chrome-extension://'))).toEqual([]);
    page.faults.length = 0;
    await browser.stop();
    await rm(extension, { recursive: true });
  }
  browser = undefined;
});

const PROVIDER = `const provider = { request: (call) => globalThis.requestOfWallet(JSON.stringify(call)) };`;

/** The two ways in which wallets get into a page: as a script of its world, and as a script element that their own script adds. */
async function anExtension(way: 'main world' | 'script element'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-wallet-'));
  const isMain = way === 'main world';
  const manifest = {
    manifest_version: 3,
    name: 'A wallet',
    version: '1',
    content_scripts: [
      {
        matches: ['http://*/*'],
        js: [isMain ? 'page.js' : 'add.js'],
        run_at: 'document_start',
        ...(isMain && { world: 'MAIN' }),
      },
    ],
    web_accessible_resources: [{ resources: ['page.js'], matches: ['http://*/*'] }],
  };
  const announce = `
    const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', {
      detail: Object.freeze({ info: { uuid: '350670db-19fa-4704-a166-e52e178b59d2', name: 'Acorn', icon: 'data:,', rdns: 'example.acorn' }, provider }),
    }));
    addEventListener('eip6963:requestProvider', announce);
    announce();`;
  const add = `
    const script = document.createElement('script');
    script.src = chrome.runtime.getURL('page.js');
    (document.head ?? document.documentElement).append(script);`;
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'page.js'), PROVIDER + (isMain ? 'globalThis.ethereum = provider;' : announce));
  await writeFile(join(folder, 'add.js'), add);
  return folder;
}
