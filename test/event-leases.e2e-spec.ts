import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { holdEndsOfDeliveries } from './support/held-claims.js';
import { untilLockWaits } from './support/lock-waits.js';
import { refreshOnce } from './support/refresh-steps.js';
import { startApp, type TestApp } from './support/start-app.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

let receiver: WebhookReceiver;
let test: TestApp;
let delivery: EventDelivery;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  // A lease is renewed in every third of it.
  test = await startApp({ metadataEvents: { leaseSeconds: 5 } }, { otherHosts: [receiver] });
  delivery = test.app.get(EventDelivery);
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});

/** Delivers what there is; the database ends the lease of the reader so slowly that a renewal of it follows. */
async function deliverWithLateRenewal(): Promise<void> {
  await using ends = await holdEndsOfDeliveries(test.database);
  const round = delivery.runOnce();
  await vi.waitUntil(() => ends.isOneWaiting(), { timeout: 10_000 });
  await untilLockWaits(test.database, { kinds: ['transactionid'] });
  await ends.release();
  await round;
}

it('an event consumer receives the next event at once, also if its lease was about to be renewed when it had received the last one', async () => {
  const told: string[] = [];
  test.app.get(MetadataEvents).on('token.metadata.changed', 'search', (changes) => {
    told.push(...changes.map(({ tokenId }) => tokenId));
  });
  await delivery.runOnce();
  const project = await test.aProject({ tokens: ['1', '2'] });
  await refreshOnce(test, project, ['1']);

  await deliverWithLateRenewal();
  await refreshOnce(test, project, ['2']);
  await delivery.runOnce();

  expect(told).toEqual(['1', '2']);
});

it('a webhook that is disabled is not claimed again, also if its lease was about to be renewed', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await delivery.runOnce();
  receiver.respond('/gone', 410);
  const { id } = await test.app.get(Webhooks).add({ projectId: project.id, url: receiver.url('/gone') });
  await refreshOnce(test, project, ['1']);

  await deliverWithLateRenewal();

  expect(
    await test.database.query(
      `select due_at = 'infinity' as "isNeverDue" from nft_metadata.event_cursors where kind = 'webhook' and name = $1`,
      [id],
    ),
  ).toEqual([{ isNeverDue: true }]);
});
