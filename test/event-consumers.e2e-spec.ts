import {
  EventDelivery,
  EventRetention,
  MetadataEvents,
  type RefreshCompleted,
  type TokenMetadataChanged,
} from '@app/metadata-events';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import {
  MetadataRefreshModule,
  MetadataRefreshService,
  REFRESH_TRIGGERS,
  RefreshWorker,
  type RefreshTrigger,
} from '@app/metadata-refresh';
import { Collections, TokenStoreModule } from '@app/token-store';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';
import { holdPublications } from './support/held-claims.js';
import { requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { fetchModules } from './support/fetch-modules.js';
import { untilLockWaits } from './support/lock-waits.js';

let test: TestApp;
let events: MetadataEvents;
let delivery: EventDelivery;
beforeAll(async () => {
  test = await startApp();
  events = test.app.get(MetadataEvents);
  delivery = test.app.get(EventDelivery);
});
afterAll(async () => test.stop());

let consumers = 0;
/** A consumer that is up to date, and what it is told from here on. */
async function aConsumer(source = events, name = `consumer-${(consumers += 1)}`) {
  const told: TokenMetadataChanged[] = [];
  const completed: RefreshCompleted[] = [];
  source.on('token.metadata.changed', name, (changes) => void told.push(...changes));
  source.on('refresh.completed', name, (completions) => void completed.push(...completions));
  await delivery.runOnce();
  return { name, told, completed };
}

async function refresh(project: TestProject, tokenIds: readonly string[]): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
}

const document = (name: string, ...attributes: [string, string | number][]) => ({
  name,
  image: `https://pictures.example/${name}.png`,
  attributes: attributes.map(([trait_type, value]) => ({ trait_type, value })),
});

describe('one event consumer', () => {
  it('an event consumer receives changed fields, added and removed traits, and the completed refresh', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, document('Cat', ['Fur', 'red'], ['Level', 1]));
    await refresh(project, ['1']);
    const { told, completed } = await aConsumer();
    test.metadataApi.respond('1', 200, document('Cat', ['Fur', 'red'], ['Level', 2]));

    const refreshId = await refresh(project, ['1']);
    await delivery.runOnce();

    expect(told).toEqual([
      {
        id: expect.stringMatching(/^\d+-0$/) as string,
        type: 'token.metadata.changed',
        occurredAt: expect.any(Date) as Date,
        projectId: project.id,
        chainId: 1,
        collectionId: project.collectionId,
        collectionAddress: project.collectionAddress,
        tokenId: '1',
        source: 'metadata_api',
        changedFields: ['attributes'],
        traitsAdded: [{ traitType: 'Level', value: '2' }],
        traitsRemoved: [{ traitType: 'Level', value: '1' }],
        hasAllTraits: true,
        refreshIds: [refreshId],
      },
    ]);
    const [record] = await test.database.query<{ changed_at: Date }>('select changed_at from nft_metadata.tokens');
    expect(told[0]!.occurredAt).toEqual(record!.changed_at);
    expect(completed).toMatchObject([
      {
        refreshId,
        projectId: project.id,
        collectionAddress: project.collectionAddress,
        total: 1,
        succeeded: 1,
        failed: 0,
      },
    ]);
  });

  it('an event consumer hears of the completed refreshes that were requested, and of all others if it names their triggers', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const { name, completed } = await aConsumer();
    const [all, scheduled]: RefreshCompleted[][] = [[], []];
    events.on('refresh.completed', `${name}-all`, (list) => void all!.push(...list), { triggers: REFRESH_TRIGGERS });
    events.on('refresh.completed', `${name}-some`, (list) => void scheduled!.push(...list), { triggers: ['schedule'] });
    await delivery.runOnce();
    test.metadataApi.respond('1', 200, document('One')).respond('2', 404);
    const [collection] = await test.app.get(Collections).findByAddress(project.collectionAddress);
    const own = (trigger: Extract<RefreshTrigger, 'event' | 'schedule'>) =>
      test.app.get(MetadataRefreshService).requestSelection(collection!, { selection: { all: true }, trigger });

    const requested = await refresh(project, ['1', '2']);
    const { refreshId: ofEvent } = await own('event');
    const { refreshId: ofSchedule } = await own('schedule');
    await test.worker.runOnce();
    await delivery.runOnce();

    const idsOf = (list: readonly RefreshCompleted[]) => list.map(({ refreshId }) => refreshId).toSorted();
    expect(idsOf(completed)).toEqual([requested]);
    expect(idsOf(all!)).toEqual([requested, ofEvent, ofSchedule].toSorted());
    expect(scheduled).toMatchObject([
      { refreshId: ofSchedule, trigger: 'schedule', verdicts: { updated: 0, unchanged: 1, failed: 1, cancelled: 0 } },
    ]);
  });

  it('an event consumer receives one event for a token that is refreshed twice without a change [G11]', async () => {
    const project = await test.aProject({ tokens: ['2'] });
    const { told, completed } = await aConsumer();
    test.metadataApi.respond('2', 200, document('Same'));

    await refresh(project, ['2']);
    await refresh(project, ['2']);
    await delivery.runOnce();

    expect(told.map(({ tokenId }) => tokenId)).toEqual(['2']);
    expect(completed).toHaveLength(2);
  });

  it('an event consumer receives the completion of a refresh whose tokens all fail, and of one with unknown tokens only', async () => {
    const project = await test.aProject({ tokens: ['3'] });
    const { told, completed } = await aConsumer();
    test.metadataApi.respond('3', 404);

    await refresh(project, ['3']);
    await refresh(project, ['404404', '404405']);
    await delivery.runOnce();

    expect(told).toEqual([]);
    expect(completed).toMatchObject([
      { total: 1, succeeded: 0, failed: 1 },
      { total: 2, succeeded: 0, failed: 2 },
    ]);
  });

  it('an event consumer receives the ids of all refreshes that waited for the same token', async () => {
    const project = await test.aProject({ tokens: ['4'] });
    const { told } = await aConsumer();
    test.metadataApi.respond('4', 200, document('Four'));
    const both = [await requestRefresh(test.app, project, ['4']), await requestRefresh(test.app, project, ['4'])];

    await test.worker.runOnce();
    await delivery.runOnce();

    expect(told).toHaveLength(1);
    expect(told[0]!.refreshIds.toSorted()).toEqual(both.toSorted());
  });

  it('an event consumer receives a hundred of a thousand changed traits, and a flag that there are more', async () => {
    const project = await test.aProject({ tokens: ['5'] });
    const { told } = await aConsumer();
    const traits = Array.from({ length: 1000 }, (_, index): [string, string] => [`Trait ${index}`, 'yes']);
    test.metadataApi.respond('5', 200, document('Five', ...traits));

    await refresh(project, ['5']);
    await delivery.runOnce();

    expect(told[0]!.traitsAdded).toHaveLength(100);
    expect(told[0]!.hasAllTraits).toBe(false);
  });

  it('an event consumer receives the events of one token in order', async () => {
    const project = await test.aProject({ tokens: ['6'] });
    const { told } = await aConsumer();

    for (const name of ['a', 'b', 'c', 'd']) {
      test.metadataApi.respond('6', 200, document('Six', ['Letter', name]));
      await refresh(project, ['6']);
    }
    await delivery.runOnce();

    expect(told.map(({ traitsAdded }) => traitsAdded[0]!.value)).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('several event consumers', () => {
  it('an event consumer that throws is called again with the same events after a delay, and the others do not wait for it', async () => {
    const project = await test.aProject({ tokens: ['10'] });
    const calls: string[][] = [];
    events.on('token.metadata.changed', 'stumbling', (changes) => {
      calls.push(changes.map(({ id }) => id));
      if (calls.length < 3) throw new Error('the index is away');
    });
    const { told } = await aConsumer();
    await test.database.freezeTime();
    test.metadataApi.respond('10', 200, document('Ten'));

    await refresh(project, ['10']);
    await delivery.runOnce();
    await delivery.runOnce();
    expect(told).toHaveLength(1);
    expect(calls).toHaveLength(1);
    await test.database.advance(2);
    await delivery.runOnce();
    expect(calls).toHaveLength(2);
    await test.database.advance(1);
    await delivery.runOnce();
    expect(calls).toHaveLength(2);
    await test.database.advance(2);
    await delivery.runOnce();
    await delivery.runOnce();
    await test.database.unfreezeTime();

    expect(calls).toEqual([[told[0]!.id], [told[0]!.id], [told[0]!.id]]);
  });

  it('an event consumer receives what happened while its process was down', async () => {
    const project = await test.aProject({ tokens: ['11'] });
    const { name, told } = await aConsumer();
    test.metadataApi.respond('11', 200, document('Eleven'));
    await refresh(project, ['11']);

    const successor = await test.anotherProcess();
    const heard: string[] = [];
    successor.get(MetadataEvents).on('token.metadata.changed', name, (changes) => {
      heard.push(...changes.map(({ tokenId }) => tokenId));
    });
    await successor.get(EventDelivery).runOnce();

    expect(heard).toEqual(['11']);
    await delivery.runOnce();
    expect(told).toEqual([]);
  });

  it('an event consumer that runs in two processes receives each event once', async () => {
    const tokens = Array.from({ length: 40 }, (_, index) => String(1100 + index));
    const project = await test.aProject({ tokens });
    const { name, told } = await aConsumer();
    const other = await test.anotherProcess();
    const heard: TokenMetadataChanged[] = [];
    other.get(MetadataEvents).on('token.metadata.changed', name, (changes) => void heard.push(...changes));
    const deliveries = [delivery, other.get(EventDelivery)];
    for (const one of deliveries) one.start();

    for (let at = 0; at < tokens.length; at += 4) await refresh(project, tokens.slice(at, at + 4));
    await vi.waitUntil(
      () => {
        for (const one of deliveries) one.wake();
        return told.length + heard.length >= tokens.length;
      },
      { timeout: 20_000, interval: 20 },
    );
    for (const one of deliveries) await one.stop();

    const all = [...told, ...heard];
    expect(all.map(({ tokenId }) => tokenId).toSorted()).toEqual(tokens);
    expect(new Set(all.map(({ id }) => id)).size).toBe(tokens.length);
  });

  it('each event consumer must have a name of its own', () => {
    events.on('refresh.completed', 'only-one', () => {});

    expect(() => events.on('refresh.completed', 'only-one', () => {})).toThrow(/already handles refresh.completed/);
    expect(() => events.on('refresh.completed', 'with a space', () => {})).toThrow(/is not 1 to 100 letters/);
    expect(() => events.on('refresh.completed', 'deaf', () => {}, { triggers: [] })).toThrow(
      /Triggers of consumer "deaf": at least one trigger is needed: api, /,
    );
    expect(() => events.on('refresh.completed', 'deaf', () => {}, { triggers: ['events' as 'event'] })).toThrow(
      /unknown trigger "events"; triggers are api, /,
    );
  });
});

describe('order and completeness', () => {
  it('no event is delivered before its transaction is committed, and none is skipped when commits happen in another order than their ids', async () => {
    const { told } = await aConsumer();
    const project = await test.aProject({ tokens: ['20', '21'] });
    const [early, late] = await Promise.all([aTransaction(), aTransaction()]);
    await early.add(project, '20');
    await late.add(project, '21');

    await late.commit();
    await delivery.runOnce();
    expect(told.map(({ tokenId }) => tokenId)).toEqual(['21']);

    await early.commit();
    await delivery.runOnce();
    expect(told.map(({ tokenId }) => tokenId)).toEqual(['21', '20']);
  });

  it('no event is delivered twice, and none is skipped, when two processes publish at the same time', async () => {
    const { told } = await aConsumer();
    const project = await test.aProject({ tokens: ['24', '25'] });
    const other = (await test.anotherProcess()).get(EventDelivery);
    const [early, late] = await Promise.all([aTransaction(), aTransaction()]);
    await early.add(project, '24');
    await late.add(project, '25');
    await late.commit();

    await using publications = await holdPublications(test.database);
    const first = delivery.runOnce();
    await vi.waitUntil(() => publications.isOneWaiting(), { timeout: 10_000 });
    // The second process sees an event with a smaller id than the first one, which it publishes as well.
    await early.commit();
    const second = other.runOnce();
    await untilLockWaits(test.database, { count: 2 });
    await publications.release();
    await Promise.all([first, second]);
    await delivery.runOnce();

    expect(told.map(({ tokenId }) => tokenId)).toEqual(['25', '24']);
  });

  it('no event is delivered twice, and none is lost, when transactions have more events than one read returns', async () => {
    const { told } = await aConsumer();
    const project = await test.aProject();
    const tokenIds = Array.from({ length: 2500 }, (_, index) => String(index));
    for (const some of [tokenIds.slice(0, 1200), tokenIds.slice(1200, 1201), tokenIds.slice(1201)]) {
      const large = await aTransaction();
      await large.add(project, ...some);
      await large.commit();
    }

    await delivery.runOnce();

    expect(told.map(({ tokenId }) => tokenId)).toEqual(tokenIds);
  });

  it.each([
    ['its event', 'trigger refused before insert on nft_metadata.event_outbox'],
    [
      'its commit',
      'constraint trigger refused after insert on nft_metadata.refresh_results deferrable initially deferred',
    ],
  ])(
    'no result is stored without its event, and no event without its result, when the database refuses %s',
    async (_, trigger) => {
      const { told, completed } = await aConsumer();
      const project = await test.aProject({ tokens: ['23'] });
      test.metadataApi.respond('23', 200, document('Twenty-three'));
      await test.database.query(`
      create function public.refuse() returns trigger language plpgsql as $$ begin
        -- A row that is refused as such would fail alone; a full disk refuses all.
        raise exception 'refused' using errcode = 'disk_full';
      end $$;
      create ${trigger} for each row execute function public.refuse()`);
      const refreshId = await requestRefresh(test.app, project, ['23']);

      await expect(test.worker.runOnce()).rejects.toThrow('refused');
      const stored = await test.database.query(
        `select (select count(*)::int from nft_metadata.refresh_results where refresh_id = $1) as results,
         (select count(*)::int from nft_metadata.event_outbox where changes::text like '%' || $2 || '%') as events`,
        [refreshId, project.collectionId],
      );
      await test.database.query('drop function public.refuse cascade');
      await test.worker.runOnce();
      await delivery.runOnce();

      expect(stored).toEqual([{ results: 0, events: 0 }]);
      expect(told).toMatchObject([{ tokenId: '23', refreshIds: [refreshId] }]);
      expect(completed).toMatchObject([{ refreshId, succeeded: 1 }]);
    },
  );

  it('no event is delivered when its transaction is rolled back', async () => {
    const { told } = await aConsumer();
    const project = await test.aProject({ tokens: ['22'] });
    const undone = await aTransaction();
    await undone.add(project, '22');

    await undone.rollBack();
    await delivery.runOnce();

    expect(told).toEqual([]);
  });
});

it('other processes receive the last position through NOTIFY, and read the events from the view', async () => {
  const project = await test.aProject({ tokens: ['30'] });
  const listener = new Client({ connectionString: test.database.url });
  await listener.connect();
  const heard: string[] = [];
  listener.on('notification', ({ payload }) => heard.push(payload!));
  await listener.query('listen nft_metadata_events');
  test.metadataApi.respond('30', 200, document('Thirty'));

  await refresh(project, ['30']);
  expect(heard).toEqual([]);
  await delivery.runOnce();
  await vi.waitUntil(() => heard.length > 0, { timeout: 10_000, interval: 10 });

  const { rows } = await listener.query(
    'select event_type, collection_address, data from nft_metadata.events where position = $1 order by event_index',
    [heard.at(-1)],
  );
  await listener.end();
  expect(rows).toMatchObject([
    { event_type: 'token.metadata.changed', collection_address: project.collectionAddress, data: { tokenId: '30' } },
    { event_type: 'refresh.completed', data: { total: 1, succeeded: 1 } },
  ]);
});

describe('statements', () => {
  it('events cost one statement for each batch that changes something, and none for a batch that changes nothing', async () => {
    const tokens = Array.from({ length: 200 }, (_, index) => String(5000 + index));
    const project = await test.aProject({ tokens });
    const { told } = await aConsumer();
    await using statements = watchStatements();

    await refresh(project, tokens);
    const first = statements.take();
    await refresh(project, tokens);
    const second = statements.take();
    await delivery.runOnce();

    expect(told).toHaveLength(200);
    const inserts = (texts: string[]) => texts.filter((text) => text.includes('into nft_metadata.event_outbox')).length;
    const completions = first.filter((text) => text.includes('update nft_metadata.refreshes as refresh')).length;
    expect(inserts(first)).toBe(completions);
    // The one that says that the refresh is completed.
    expect(inserts(second)).toBe(1);
  });

  it('events cost no statement in a host without MetadataEventsModule', async () => {
    @Module({
      imports: [
        MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: test.database.url, autoLoadEntities: true }),
        TokenStoreModule.forRoot(),
        ...fetchModules({ allowedHosts: [test.metadataApi.host] }),
        MetadataRefreshModule.forRoot(),
      ],
    })
    class WithoutEvents {}
    const host = await NestFactory.createApplicationContext(WithoutEvents, { logger: false });
    const project = await test.aProject({ tokens: ['31'] });
    await using statements = watchStatements();
    await requestRefresh(test.app, project, ['31']);

    await host.get(RefreshWorker).runOnce();
    await host.close();

    const texts = statements.take();
    expect(texts.some((text) => text.includes('update nft_metadata.tokens'))).toBe(true);
    expect(texts.filter((text) => /event_|before\./.test(text))).toEqual([]);
  });
});

it('the retention keeps events for a week, and a consumer that returns later continues with new ones', async () => {
  const project = await test.aProject({ tokens: ['70'] });
  const { name, told } = await aConsumer();
  test.metadataApi.respond('70', 200, document('Old'));
  await refresh(project, ['70']);
  await delivery.runOnce();
  expect(await test.app.get(EventRetention).deleteExpired()).toEqual({ events: 0, deliveries: 0 });
  const [{ count } = { count: 0 }] = await test.database.query<{ count: number }>(
    'select count(*)::int as count from nft_metadata.event_outbox',
  );

  await test.database.advance(7 * 86_400 + 60);

  expect(await test.app.get(EventRetention).deleteExpired()).toMatchObject({ events: count });
  await test.database.query('update nft_metadata.event_cursors set position = 0, event_index = 0 where name = $1', [
    name,
  ]);
  await delivery.runOnce();
  test.metadataApi.respond('70', 200, document('New'));
  await refresh(project, ['70']);
  await delivery.runOnce();
  expect(told).toMatchObject([
    { tokenId: '70' },
    { tokenId: '70', changedFields: ['name', 'imageUrl', 'imageOriginal'] },
  ]);
});

/** Every statement that this process sends. */
function watchStatements() {
  const query = vi.spyOn(Client.prototype, 'query');
  return {
    take() {
      const texts = query.mock.calls.map(([statement]) => textOf(statement as unknown));
      query.mockClear();
      return texts;
    },
    [Symbol.asyncDispose]: async () => query.mockRestore(),
  };
}

function textOf(statement: unknown): string {
  return typeof statement === 'string' ? statement : (statement as { text: string }).text;
}

/** A transaction of another worker's that takes its time between the event and the commit. */
async function aTransaction() {
  const client = new Client({ connectionString: test.database.url });
  await client.connect();
  await client.query('begin');
  return {
    add: (project: TestProject, ...tokenIds: string[]) => {
      const change = { collectionId: project.collectionId, changedFields: [], refreshIds: [] };
      const traits = { traitsAdded: [], traitsRemoved: [], hasAllTraits: true };
      const changes = tokenIds.map((tokenId) => ({ ...change, ...traits, tokenId }));
      return client.query(
        `insert into nft_metadata.event_outbox (occurred_at, changes, completions, event_count)
         values (now(), $1, '[]', $2)`,
        [JSON.stringify(changes), tokenIds.length],
      );
    },
    async commit() {
      await client.query('commit');
      await client.end();
    },
    async rollBack() {
      await client.query('rollback');
      await client.end();
    },
  };
}
