import { EventDelivery, Webhooks } from '@app/metadata-events';
import { Projects } from '@app/project-auth';
import { nameCollection } from '../support/collection-names.js';
import {
  startConsole,
  testLooks,
  type BrowserVisitor,
  type ConsolePage,
  type ConsolePageOptions,
  type ConsoleTest,
} from '../support/console-browser.js';
import { holdReads } from '../support/held-reads.js';
import { http, requestRefresh } from '../support/project-api.js';
import { control, untilStatus } from '../support/refresh-control.js';
import { refreshOnce } from '../support/refresh-steps.js';
import { aProjectWithEggs, createReveal, publishReveal, revealRequest, stageReveal } from '../support/reveals.js';
import type { TestApp, TestProject } from '../support/start-app.js';
import { ids } from '../support/token-ids.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

const DAY_MS = 86_400_000;

let receiver: WebhookReceiver;
let running: ConsoleTest;
let test: TestApp;
let operator: BrowserVisitor;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  running = await startConsole({}, [receiver]);
  ({ test } = running);
  operator = await running.browser.anOperator();
});
afterAll(async () => {
  await running.stop();
  await receiver.close();
});
afterEach(() => running.browser.closePages());

describe('a service that nobody has used yet', () => {
  const pages = {
    'overview-quiet': '',
    'unused-refreshes': 'refreshes',
    'unused-new-refresh': 'refreshes/new',
    'unused-tokens': 'tokens',
    'unused-failures': 'failures',
    'unused-validate': 'validate',
    'unused-reveals': 'reveals',
    'unused-hosts': 'hosts',
    'unused-workers': 'workers',
    'unused-webhooks': 'webhooks',
    'unused-projects': 'projects',
  };
  describe.each(Object.entries(pages))('the page %s', (name, path) => {
    testLooks(name, (options) => operator.open(path, options));
  });
});

/** Of its tokens, 41 was never fetched, and 9 has failed since then. */
let voyagers: TestProject;
/** The refreshes in each stage, and their pages. */
const stages: Record<string, string> = {};
const reveals: Record<string, string> = {};
const webhooks: Record<string, string> = {};

describe('a service with work', () => {
  beforeAll(async () => {
    await test.database.freezeTime();
    voyagers = await test.aProject({ tokens: ids(41), limits: { tokensPerHour: 200 } });
    await test.app.get(Projects).updateProject(voyagers.id, { name: 'Aeon Studio' });
    await nameCollection(test, voyagers, 'Voyagers of Aeon');
    for (const id of ids(8)) respondWithLevel(id, 1);
    receiver.respond('/gone', 410);
    for (const stage of ['good', 'gone']) {
      const added = await test.app
        .get(Webhooks)
        .add({ projectId: voyagers.id, url: receiver.url(`/${stage}`), types: ['refresh.completed'] });
      webhooks[stage] = added.id;
    }
    stages['done'] = await refreshOnce(test, voyagers, ids(8));
    await stop('held', ids(3));
    await fail();
    await test.database.advance(600);
    await wait();
    await interrupt();
    await reveal();
    await test.app.get(EventDelivery).runOnce();
    await test.app.get(EventDelivery).runOnce();
  });
  afterAll(() => test.database.unfreezeTime());

  function respondWithLevel(id: string, value: number): void {
    test.metadataApi.respond(id, 200, {
      name: `Voyager #${id}`,
      description: 'A ship that crossed the rift.',
      image: `https://img.example/${id}.png`,
      attributes: [{ trait_type: 'Level', value }],
    });
  }

  /** Tokens that are held are not fetched. */
  async function stop(stage: string, tokenIds: readonly string[]): Promise<void> {
    const hold = (until: string | null) =>
      test.database.query(
        'update nft_metadata.tokens set held_until = $1 where collection_id = $2 and token_id::text = any($3)',
        [until, voyagers.collectionId, tokenIds],
      );
    await hold('infinity');
    stages[stage] = await refreshOnce(test, voyagers, tokenIds);
    await hold(null);
  }

  async function fail(): Promise<void> {
    test.metadataApi.respond('9', 404, 'Not found').respond('10', 200, '{"name": "Voyager #10", "desc');
    test.metadataApi.respond('8', 404, 'Not found');
    stages['failed'] = await refreshOnce(test, voyagers, ['8', '9', '10']);
    const { body } = await control(test.app, voyagers, stages['failed'], 'retry').expect(202);
    stages['retry'] = (body as { refresh_id: string }).refresh_id;
    await test.worker.runOnce();
    test.metadataApi.forgetScripts();
  }

  /** Some of their tokens have changed, others not; 6 failed, and 7 and 8 are tried again. */
  async function wait(): Promise<void> {
    for (const id of ids(3)) respondWithLevel(id, 2);
    for (const id of ids(2, 4)) respondWithLevel(id, 1);
    test.metadataApi.respond('6', 404, 'Not found').respond('7', 503, 'Busy').respond('8', 503, 'Busy');
    for (const stage of ['running', 'paused', 'cancelled']) stages[stage] = await refreshOnce(test, voyagers, ids(8));
    await control(test.app, voyagers, stages['paused']!, 'pause').expect(202);
    await control(test.app, voyagers, stages['cancelled']!, 'cancel').expect(202);
    await untilStatus(test, voyagers, stages['cancelled']!, 'completed');
    const { body } = await http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', voyagers.apiKey)
      .send({
        collection_address: voyagers.collectionAddress,
        token_ids: ids(8),
        not_before: new Date((await databaseTime()) + DAY_MS).toISOString(),
      })
      .expect(202);
    stages['scheduled'] = (body as { refresh_id: string }).refresh_id;
  }

  async function databaseTime(): Promise<number> {
    const [row] = await test.database.query<{ now: Date }>('select now()');
    return row!.now.getTime();
  }

  /** What no worker has begun. */
  async function interrupt(): Promise<void> {
    stages['queued'] = await requestRefresh(test.app, voyagers, ids(8));
    await control(test.app, voyagers, stages['queued'], 'pause').expect(202);
  }

  async function reveal(): Promise<void> {
    const owner = await aProjectWithEggs(test);
    await nameCollection(test, owner, 'Dragons of Aeon');
    const published = await stageReveal(test, owner);
    stages['staged'] = published.refreshId;
    await publishReveal(test, owner, published);
    reveals['published'] = published.revealId;
    const reverted = await aProjectWithEggs(test);
    await nameCollection(test, reverted, 'Drakes of Aeon');
    const { revealId } = await stageReveal(test, reverted);
    await publishReveal(test, reverted, { revealId });
    await revealRequest(test, reverted, 'post', `${revealId}/revert`).expect(202);
    reveals['reverted'] = revealId;
    const waiting = await aProjectWithEggs(test);
    await nameCollection(test, waiting, 'Wyverns of Aeon');
    reveals['staging'] = (await createReveal(test, waiting)).revealId;
    await control(test.app, voyagers, stages['queued']!, 'resume').expect(202);
  }

  const token = (tokenId: string) => `tokens/1/${voyagers.collectionAddress}/${tokenId}`;
  const host = () => `hosts/${encodeURIComponent(test.metadataApi.host)}`;
  const pages: Readonly<Record<string, () => string>> = {
    'overview-working': () => '',
    ...Object.fromEntries(
      ['done', 'held', 'failed', 'retry', 'running', 'paused', 'cancelled', 'scheduled', 'queued', 'staged'].map(
        (stage) => [`refresh-${stage}`, () => `refreshes/${stages[stage]}`],
      ),
    ),
    ...Object.fromEntries(
      ['published', 'reverted', 'staging'].map((stage) => [`reveal-${stage}`, () => `reveals/${reveals[stage]}`]),
    ),
    ...Object.fromEntries(['good', 'gone'].map((stage) => [`webhook-${stage}`, () => `webhooks/${webhooks[stage]}`])),
    'webhooks-in-stages': () => 'webhooks',
    'refreshes-in-stages': () => 'refreshes?trigger=all',
    'refreshes-of-project': () => `refreshes?project=${voyagers.id}&status=running`,
    'reveals-in-stages': () => 'reveals',
    'token-stale': () => token('8'),
    'token-failed': () => token('9'),
    'token-pending': () => token('41'),
    'token-pending-document': () => `${token('41')}?tab=document`,
    'token-pending-attempts': () => `${token('41')}?tab=attempts`,
    'token-pending-history': () => `${token('41')}?tab=history`,
    'token-attempts-in-turn': () => `${token('8')}?tab=attempts`,
    'token-versions': () => `${token('1')}?tab=history`,
    'host-working': host,
    'hosts-working': () => 'hosts',
    'workers-working': () => 'workers',
    'project-working': () => `projects/${voyagers.id}`,
    'failures-by-project': () => 'failures?group=project&since=24h',
    'failures-of-one-host': () => `failures?group=host&since=24h&host=${encodeURIComponent(test.metadataApi.host)}`,
  };
  describe.each(Object.entries(pages))('the page %s', (name, path) => {
    testLooks(name, (options) => operator.open(path(), options));
  });
  describe.each(['overview', 'refreshes', 'reveals', 'tokens', 'validate'])('the page %s of a partner', (name) => {
    let partner: BrowserVisitor;
    beforeAll(async () => {
      partner = await running.browser.aPartner(voyagers);
    });
    testLooks(`${name}-partner`, (options) => partner.open(name === 'overview' ? '' : name, options));
  });

  describe('a form that is not right', () => {
    const states: Readonly<Record<string, { path: string; reach: (page: ConsolePage) => Promise<void> }>> = {
      'new-refresh-begun': { path: 'refreshes/new', reach: (page) => page.shows('Token ids') },
      'new-refresh-by-age': { path: 'refreshes/new?what=age', reach: (page) => page.shows('7 days or more') },
      'new-refresh-problem': {
        path: 'refreshes/new?what=ranges',
        async reach(page) {
          await page.fill('Ranges', '20-5');
          await page.click('Estimate', 'form');
          await page.shows('ends before it begins');
        },
      },
      'new-refresh-too-many': {
        path: 'refreshes/new?what=all',
        async reach(page) {
          await page.isSettled();
          await page.click('Estimate', 'form');
          await page.shows('41 tokens');
        },
      },
      'validate-problem': {
        path: 'validate',
        async reach(page) {
          await page.fill('Token ids', '1-21');
          await page.click('Validate', 'form');
          await page.shows('These are more than 20 tokens.');
        },
      },
    };
    describe.each(Object.entries(states))('in the state %s', (name, { path, reach }) => {
      let partner: BrowserVisitor;
      beforeAll(async () => {
        await test.app.get(Projects).setLimits(voyagers.id, { tokensPerSelection: 40 });
        partner = await running.browser.aPartner(voyagers);
      });
      testLooks(name, async (options) => {
        const page = await partner.open(path, options);
        await reach(page);
        return page;
      });
    });
  });
});

describe('a service that cannot read', () => {
  /** Opens a page; `disturb` ends what it can read, before it is opened or afterwards. */
  const openDisturbed = async (
    options: ConsolePageOptions,
    { disturb, isOpenBefore, text }: { disturb: () => unknown; isOpenBefore: boolean; text: string },
  ) => {
    if (!isOpenBefore) await disturb();
    const page = await operator.open('refreshes', options);
    if (isOpenBefore) {
      await page.shows('Voyagers of Aeon');
      await disturb();
    }
    await page.shows(text, 20_000);
    return page;
  };

  describe.each([
    ['from the first', 'database-unavailable', false, 'The service cannot reach its database now.'],
    ['after its rows', 'database-lost', true, 'Last heard'],
  ] as const)('the database, %s', (_, name, isOpenBefore, text) => {
    afterEach(() => test.database.acceptConnections());
    testLooks(name, (options) =>
      openDisturbed(options, { disturb: () => test.database.refuseConnections(), isOpenBefore, text }),
    );
  });

  describe('because four others read', () => {
    let end: () => Promise<void>;
    afterEach(() => end());
    testLooks('busy', (options) =>
      openDisturbed(options, {
        disturb: () => (end = holdReads(test)),
        isOpenBefore: false,
        text: 'Too many pages are being read at this moment',
      }),
    );
  });
});
