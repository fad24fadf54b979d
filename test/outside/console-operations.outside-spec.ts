import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { Collections } from '@app/token-store';
import { Wallet } from 'ethers';
import { nameCollection } from '../support/collection-names.js';
import {
  startConsole,
  testLooks,
  type BrowserVisitor,
  type ConsolePage,
  type ConsoleTest,
} from '../support/console-browser.js';
import { refreshOnce } from '../support/refresh-steps.js';
import type { TestApp, TestProject } from '../support/start-app.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

const TOKENS = Array.from({ length: 24 }, (_, index) => String(index + 1));

let receiver: WebhookReceiver;
let running: ConsoleTest;
let test: TestApp;
let project: TestProject;
/** Its receiver fails, and a completed refresh and changes wait for it. */
let webhookId: string;
let operator: BrowserVisitor;
let partner: BrowserVisitor;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  running = await startConsole({}, [receiver]);
  ({ test } = running);
  project = await test.aProject({ tokens: TOKENS, limits: { tokensPerHour: 48 } });
  await nameCollection(test, project, 'Voyagers of Aeon');
  await test.app.get(Collections).add({
    chainId: 137,
    address: Wallet.createRandom().address,
    projectId: project.id,
    source: { kind: 'pushed' },
  });
  await deliver();
  await aFailingWebhook(project);
  operator = await running.browser.anOperator();
  partner = await running.browser.aPartner(project);
});
afterAll(async () => {
  await running.stop();
  await receiver.close();
});
afterEach(() => running.browser.closePages());

const deliver = () => test.app.get(EventDelivery).runOnce();

/** Failures of four reasons, from now and from some time ago, and a webhook and a consumer that wait for what came of it. */
async function aFailingWebhook({ id: projectId }: TestProject): Promise<void> {
  test.app.get(MetadataEvents).on('token.metadata.changed', 'search-index', () => {
    throw new Error('the index is full');
  });
  receiver.respond('/hook?key=secret', 500);
  ({ id: webhookId } = await test.app.get(Webhooks).add({ projectId, url: receiver.url('/hook?key=secret') }));
  await test.app.get(Webhooks).add({ projectId, url: receiver.url('/analytics') });
  await deliver();
  for (const id of TOKENS) test.metadataApi.respond(id, 200, { name: `Voyager #${id}` });
  for (const id of TOKENS.slice(0, 9)) test.metadataApi.respond(id, 404, '<h1>Not found</h1>');
  for (const id of TOKENS.slice(9, 12))
    test.metadataApi.respond(id, 200, '{"name": "Voyager #23", "description": "The');
  test.metadataApi.respond('13', 500, 'oh no');
  await refreshOnce(test, project, TOKENS);
  await test.database.query(
    `update nft_metadata.refresh_errors set created_at = now() - (token_id % 11)::int * interval '5 minutes'`,
  );
  await refreshOnce(test, project, TOKENS);
  await deliver();
  await test.database.query(
    `update nft_metadata.event_cursors set failing_since = failing_since - interval '2 hours' where failures > 0`,
  );
}

const openWebhook = async (visitor: BrowserVisitor) => {
  const page = await visitor.open(`webhooks/${webhookId}`);
  await page.isSettled();
  return page;
};

const PAGES: readonly [name: string, path: () => string, isPartner?: boolean][] = [
  ['overview-with-findings', () => ''],
  ['failures', () => 'failures'],
  ['failures-by-host', () => 'failures?group=host&since=24h'],
  ['failures-by-collection', () => 'failures?group=collection'],
  ['failures-of-one-reason', () => 'failures?group=reason&reason=status_404'],
  ['failures-filtered-to-nothing', () => 'failures?host=nobody.example'],
  ['failures-partner', () => 'failures', true],
  ['webhooks', () => 'webhooks'],
  ['webhooks-filtered-to-nothing', () => 'webhooks?state=disabled'],
  ['webhook-failing', () => `webhooks/${webhookId}`],
  ['webhook-not-found', () => 'webhooks/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21'],
  ['projects', () => 'projects'],
  ['project', () => `projects/${project.id}`],
  ['project-partner', () => `projects/${project.id}`, true],
];

describe.each(PAGES)('the page %s', (name, path, isPartner = false) => {
  testLooks(name, (options) => (isPartner ? partner : operator).open(path(), options));
});

const prefix = () => project.apiKey.split('_')[1]!;
const DIALOGS: readonly [name: string, path: () => string, button: () => string, title: string][] = [
  ['dialog-failures-retry', () => 'failures', () => 'Retry status_404', 'Retry failed tokens?'],
  ['dialog-webhook-enable', () => `webhooks/${webhookId}`, () => 'Enable …', 'Send what waited?'],
  ['dialog-webhook-skip', () => `webhooks/${webhookId}`, () => 'Enable and skip …', 'Enable and skip what waited?'],
  ['dialog-key-revoke', () => `projects/${project.id}`, () => `Revoke ${prefix()}`, 'Revoke the key'],
];

describe.each(DIALOGS)('the state %s', (name, path, button, title) => {
  testLooks(name, async (options) => {
    const page = await operator.open(path(), options);
    await page.isSettled();
    await page.click(button(), 'main');
    await page.shows(title);
    return page;
  });
});

describe('failures', () => {
  it('a group opens to its tokens, says what helps, and its link shows the same to somebody else', async () => {
    const page = await operator.open('failures');
    await page.shows('Your server has no document for these tokens');
    await page.page.click('main a[data-row]');
    await page.page.waitForFunction('location.search.includes("reason=status_404")', { timeout: 10_000 });
    await page.shows('<h1>Not found</h1>');
    const url = page.path().slice(1);

    const shared = await (await running.browser.anOperator('Noor')).open(url);
    await shared.shows('<h1>Not found</h1>');
    expect(await shared.texts('main a[data-row] b')).toEqual(await page.texts('main a[data-row] b'));
  });

  it('what failed in one refresh of a group is retried after a second click', async () => {
    await test.database.advance(3700);
    await refreshOnce(test, project, TOKENS.slice(0, 4));
    const page = await operator.open('failures');
    await page.click('Retry status_404');
    await page.shows('Retry failed tokens?');
    expect(page.calls.filter((call) => call.startsWith('POST'))).toEqual([]);
    await page.click('Retry 4', 'dialog');
    await page.shows('are requested again, in a new refresh');

    expect(page.calls.filter((call) => call.startsWith('POST'))).toHaveLength(1);
  });
});

describe('a webhook that fails [K54]', () => {
  /** The button and the dialog do the same: the first click only asks. */
  const askFor = async (page: ConsolePage, button: string, title: string) => {
    await page.click(button, 'main');
    await page.shows(title);
    const focused: unknown = await page.page.evaluate('document.activeElement.innerText');
    expect(focused).toBe('Leave it');
    expect(page.calls.filter((call) => call.startsWith('POST'))).toEqual([]);
  };

  it('shows since when, why and by how much it is behind, and its query is hidden', async () => {
    const page = await openWebhook(partner);

    expect(await page.text('.banner')).toMatch(
      /It has failed for \d+ h.*1 try in a row[^]*status_500[^]*events wait for it/,
    );
    expect(await page.text()).not.toContain('secret');
  });

  it('is enabled by a second click', async () => {
    const page = await openWebhook(operator);
    await askFor(page, 'Enable …', 'Send what waited?');
    await page.click('Leave it', 'dialog');
    expect(page.calls.filter((call) => call.startsWith('POST'))).toEqual([]);

    await page.click('Enable …', 'main');
    await page.click('Enable', 'dialog');
    await page.shows('The webhook is enabled: what waited is sent now.');
    await deliver();
    await page.shows('Failing');
  });

  it('skips what waited by a second click that names how much, and says so on the overview', async () => {
    const page = await openWebhook(partner);
    await askFor(page, 'Enable and skip …', 'Enable and skip what waited?');
    await page.page.keyboard.press('Tab');
    await page.page.keyboard.press('Enter');
    await page.shows('The events that waited are skipped.');
    await page.shows('it has everything');

    const overview = await operator.open('');
    await overview.shows(/Studio enabled, and skipped what waited for, [0-9a-f]{8}…/);
    await (await overview.page.waitForSelector('[aria-labelledby=actions] a'))!.click();
    await overview.shows('Deliveries');
    expect(overview.path()).toMatch(/^\/webhooks\/[0-9a-f-]{36}$/);
  });
});

describe('a project', () => {
  it('its limits are changed and its key is revoked by an operator, each after a second click', async () => {
    const other = await test.aProject({ tokens: ['1'] });
    const signedIn = await running.browser.aPartner(other);
    const page = await operator.open(`projects/${other.id}`);
    await page.click('Change', 'main');
    await page.shows('Limits of Studio');
    const field = await page.page.waitForSelector('dialog input[name="tokensPerHour"]');
    await field!.type('77');
    await page.click('Change the limits', 'dialog');
    await page.shows('The limits of Studio are changed');
    await page.shows(/Tokens an hour\s*77/);
    const prefix = other.apiKey.split('_')[1]!;
    await page.click(`Revoke ${prefix}`, 'main');
    await page.click('Revoke it', 'dialog');
    await page.shows('is revoked.');

    const ended = await signedIn.open('refreshes');
    await ended.shows('Sign in');
  });

  it('its partner finds it in the menu, and can change nothing there', async () => {
    const page = await partner.open('refreshes');
    await page.click('Your project', 'nav');
    await page.shows('Recent refreshes');

    expect(page.path()).toBe(`/projects/${project.id}`);
    expect(await page.text('main')).not.toMatch(/Revoke …|Change\n/);
  });
});

describe('a test that a webhook does not accept', () => {
  testLooks('webhook-tested', async (options) => {
    const page = await operator.open(`webhooks/${webhookId}`, options);
    await page.click('Send a test', 'main');
    await page.shows('The test was not accepted: it responded with 500.');
    return page;
  });
});
