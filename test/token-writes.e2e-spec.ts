import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { Collections, TokenStore, type MetadataWrite, type TokenMetadata, type WriteOptions } from '@app/token-store';
import { sql } from 'kysely';
import { Client } from 'pg';
import { emptyMetadata } from './support/empty-metadata.js';
import { untilLockWaits } from './support/lock-waits.js';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let store: TokenStore;
beforeAll(async () => {
  // One batch for all results of a round.
  test = await startApp({ metadataRefresh: { completeLingerMs: 10_000 } });
  store = test.app.get(TokenStore);
});
afterAll(() => test.stop());

const lamp = (value: string, rest: Partial<TokenMetadata> = {}): TokenMetadata => ({
  ...emptyMetadata,
  name: `${value} lamp`,
  attributes: [{ traitType: 'Lamp', value, valueType: 'string', displayType: null, maxValue: null }],
  raw: `{"lamp":"${value}"}`,
  contentHash: value,
  ...rest,
});

let fetches = 0;

/** As the refresh worker does it: what is stored is read when a token is claimed. */
async function claim(project: TestProject, tokenIds: readonly string[] = ['1']) {
  const stored = await store.findStored(tokenIds.map((tokenId) => ({ collectionId: project.collectionId, tokenId })));
  const known = new Map(stored.map((token) => [token.tokenId, token.known]));
  return tokenIds.map((tokenId) => ({ tokenId, fetchSeq: String((fetches += 1)), known: known.get(tokenId) }));
}

const toWrites = (project: TestProject, claimed: Awaited<ReturnType<typeof claim>>, metadata: TokenMetadata | null) =>
  claimed.map((token): MetadataWrite => {
    return {
      ...token,
      collectionId: project.collectionId,
      metadata,
      metadataUrl: 'https://api.example/1',
      metadataSource: 'metadata_api',
      etag: '"v1"',
      refreshId: randomUUID(),
    };
  });

const inOneTransaction = <Result>(work: (em: EntityManager) => Promise<Result>) =>
  inTransaction(test.app.get(EntityManager), work);

async function write(writes: readonly MetadataWrite[], options?: WriteOptions) {
  await store.prepareWrites(writes);
  return inOneTransaction((em) => store.writeMetadata(em, writes, options));
}

const countsOf = async ({ collectionId }: TestProject) =>
  Object.fromEntries(
    (await store.listTraits({ collectionId })).flatMap(({ values }) =>
      values.map(({ value, tokenCount }) => [value, tokenCount]),
    ),
  ) as Record<string, number>;

it.each([
  ['the same document', lamp('Oil')],
  ['a "not modified" response', null],
])('%s is a HOT update of each row in tokens, and writes no other table', async (_, metadata) => {
  const tokenIds = Array.from({ length: 200 }, (__, id) => String(id));
  const project = await test.aProject({ tokens: tokenIds });
  // The first fetch makes rows longer: some of them have to leave their page, and vacuum makes room for the others.
  for (const lampOrNothing of [lamp('Oil'), metadata]) {
    await write(toWrites(project, await claim(project, tokenIds), lampOrNothing));
    await test.database.query('vacuum nft_metadata.tokens');
  }
  const writes = toWrites(project, await claim(project, tokenIds), metadata);
  await store.prepareWrites(writes);

  const written = await inOneTransaction(async (em) => {
    const before = await readWrites(em);
    expect(new Set(await store.writeMetadata(em, writes))).toEqual(new Set(['unchanged']));
    const after = await readWrites(em);
    return [...after].flatMap(([name, { rows, hot }]) => {
      const { rows: rowsBefore, hot: hotBefore } = before.get(name) ?? { rows: 0, hot: 0 };
      return rows === rowsBefore ? [] : [{ name, rows: rows - rowsBefore, hot: hot - hotBefore }];
    });
  });

  expect(written).toEqual([{ name: 'tokens', rows: 200, hot: 200 }]);
});

/** Rows written to each table by this session, in this transaction and in earlier ones that are not reported yet. */
async function readWrites(em: EntityManager): Promise<Map<string, { rows: number; hot: number }>> {
  const { rows } = await sql<{ name: string; rows: number; hot: number }>`
    select relname as name, (n_tup_ins + n_tup_upd + n_tup_del)::int as rows, n_tup_hot_upd::int as hot
    from pg_stat_xact_user_tables where schemaname = 'nft_metadata'`.execute(em.getKysely());
  return new Map(rows.map(({ name, ...counts }) => [name, counts]));
}

it('a write with what was known at the claim is decided by the record as it is: later fetches, other versions and removed tokens', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const [early] = await claim(project);
  const [late] = await claim(project);
  await write(toWrites(project, [late!], lamp('Gas')));

  expect(await write(toWrites(project, [early!], lamp('Oil')))).toEqual(['superseded']);
  const [first] = await claim(project);
  const [second] = await claim(project);
  expect(await write(toWrites(project, [first!], lamp('Wick')))).toEqual(['changed']);
  expect(await write(toWrites(project, [second!], null).map((one) => ({ ...one, etag: '"other"' })))).toEqual([
    'outdated',
  ]);
  expect(await write(toWrites(project, [second!], lamp('Wick')))).toEqual(['unchanged']);
  expect(await write(toWrites(project, [second!], lamp('Oil')))).toEqual(['changed']);
  const removed = await claim(project, ['2', '1']);
  await store.removeTokens(project.collectionId, ['2']);
  expect(await write(toWrites(project, removed, lamp('Gas')))).toEqual(['missing', 'changed']);

  expect(await countsOf(project)).toEqual({ Gas: 1 });
  expect(await store.findToken({ collectionId: project.collectionId, tokenId: '1' })).toMatchObject({
    name: 'Gas lamp',
    metadataVersion: 4,
  });
});

it('of two fetches of one token in a batch the one that began later is written, in whichever order they are given', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const oil = toWrites(project, await claim(project, ['1', '2']), lamp('Oil'));
  const gas = toWrites(project, await claim(project, ['1', '2']), lamp('Gas'));

  const results = await write([oil[0]!, gas[0]!, gas[1]!, oil[1]!]);

  expect(results).toEqual(['superseded', 'changed', 'changed', 'superseded']);
  expect(await countsOf(project)).toEqual({ Gas: 2 });
});

/** Waits until a transaction of this suite waits for a lock. */
const isOneWaiting = () => untilLockWaits(test.database, { count: 1 });

/** Locks both records, given in this order. */
const lockingWrites: [string, (em: EntityManager, writes: readonly MetadataWrite[]) => Promise<unknown>][] = [
  ['documents of known records', (em, writes) => store.writeMetadata(em, writes)],
  [
    'documents of unknown records',
    (em, writes) =>
      store.writeMetadata(
        em,
        writes.map((one) => ({ ...one, known: undefined })),
      ),
  ],
  [
    'failures',
    (em, writes) => {
      const failure = { errorCode: 'unable_to_retrieve_metadata', errorReason: 'timeout' };
      return store.recordFailures(
        em,
        writes.map(({ collectionId, tokenId, fetchSeq, refreshId }) => {
          return { ...failure, collectionId, tokenId, fetchSeq, refreshId };
        }),
      );
    },
  ],
  ['several steps', (em, writes) => store.lockTokens(em, writes)],
];

it.each(
  lockingWrites.flatMap(([name, lock]) => [
    [`${name} in one collection`, lock, 1] as const,
    [`${name} in two collections`, lock, 2] as const,
  ]),
)(
  'a write locks the records in the order of their keys, so that two batches cannot deadlock: %s',
  async (_, lock, collections) => {
    // Stored, and given, in the opposite order.
    const projects = [await test.aProject(), await test.aProject()].toSorted((one, other) =>
      one.collectionId < other.collectionId ? 1 : -1,
    );
    const later = { project: projects[0]!, tokenId: '2' };
    const earlier = { project: projects[collections - 1]!, tokenId: '1' };
    const writes: MetadataWrite[] = [];
    for (const { project, tokenId } of [later, earlier]) {
      await store.registerTokens(project.collectionId, [tokenId]);
      writes.push(...toWrites(project, await claim(project, [tokenId]), lamp('Oil')));
    }
    const client = new Client(test.database.url);
    await client.connect();
    await client.query('begin');
    await client.query('select from nft_metadata.tokens where collection_id = $1 and token_id = $2 for update', [
      earlier.project.collectionId,
      earlier.tokenId,
    ]);

    const written = inOneTransaction((em) => lock(em, writes));
    await isOneWaiting();
    const notLocked = await test.database.query<{ tokenId: string }>(
      `select token_id::text as "tokenId" from nft_metadata.tokens where collection_id = any($1) for update skip locked`,
      [projects.map(({ collectionId }) => collectionId)],
    );
    await client.end();
    await written;

    expect(notLocked).toEqual([{ tokenId: later.tokenId }]);
  },
);

it('a batch locks the counts of trait values in the order of their ids, so that two batches cannot deadlock', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  for (const value of ['Oil', 'Gas']) await write(toWrites(project, await claim(project, ['1']), lamp(value)));
  const client = new Client(test.database.url);
  await client.connect();
  await client.query('begin');
  await client.query(
    `select from nft_metadata.collection_traits where collection_id = $1 and value = 'Oil' for update`,
    [project.collectionId],
  );
  const [gas, oil] = [...lamp('Gas').attributes, ...lamp('Oil').attributes];

  const written = write(toWrites(project, await claim(project, ['2']), lamp('Both', { attributes: [gas!, oil!] })));
  await isOneWaiting();
  const notLocked = await test.database.query<{ value: string }>(
    'select value from nft_metadata.collection_traits where collection_id = $1 for update skip locked',
    [project.collectionId],
  );
  await client.end();
  await written;

  expect(notLocked).toEqual([{ value: 'Gas' }]);
  expect(await countsOf(project)).toEqual({ Gas: 2, Oil: 1 });
});

it('a batch of documents and failures locks the records of both in the order of their keys', async () => {
  const project = await test.aProject({ tokens: ids(12) });
  test.metadataApi.respond('1', 404);
  const refreshId = await requestRefresh(test.app, project, ids(12));
  const client = new Client(test.database.url);
  await client.connect();
  await client.query('begin');
  await client.query('select from nft_metadata.tokens where collection_id = $1 and token_id = 1 for update', [
    project.collectionId,
  ]);

  const round = test.worker.runOnce();
  await isOneWaiting();
  const notLocked = await test.database.query(
    'select from nft_metadata.tokens where collection_id = $1 for update skip locked',
    [project.collectionId],
  );
  await client.end();
  await round;

  expect(notLocked).toHaveLength(11);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 11, failed: 1 } });
});

it('a batch whose commit was not acknowledged is written again without effect', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const writes = toWrites(project, await claim(project, ['1', '2']), lamp('Oil'));

  expect(await write(writes)).toEqual(['changed', 'changed']);
  expect(await write(writes)).toEqual(['unchanged', 'unchanged']);

  expect(await countsOf(project)).toEqual({ Oil: 2 });
});

it('a claim knows the last fetch of a token and the last one that changed it, and nothing good of a token that was never fetched', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const [changing] = await claim(project);
  await write(toWrites(project, [changing!], lamp('Oil', { warnings: ['nested_image', 'a "quoted\\" one'] })));
  const [touching] = await claim(project);
  await write(toWrites(project, [touching!], null));

  const stored = await store.findStored(['1', '2'].map((tokenId) => ({ collectionId: project.collectionId, tokenId })));

  expect(stored.toSorted((one, other) => (one.tokenId < other.tokenId ? -1 : 1))).toMatchObject([
    {
      metadataUrl: 'https://api.example/1',
      etag: '"v1"',
      warnings: ['nested_image', 'a "quoted\\" one'],
      lastFetchSeq: touching!.fetchSeq,
      lastChangeSeq: changing!.fetchSeq,
      metadataVersion: 1,
    },
    { metadataUrl: null, etag: null, warnings: [], lastFetchSeq: '0', lastChangeSeq: '0', metadataVersion: 0 },
  ]);
});

it('the caller of a write is told the version of each record after it, whether it changed, stayed or was superseded', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  const versionsOf = async (writes: readonly MetadataWrite[]) => {
    const versions = new Map<MetadataWrite, number>();
    const ended = await write(writes, { onVersion: (of, version) => void versions.set(of, version) });
    return ended.map((result, index) => [writes[index]!.tokenId, result, versions.get(writes[index]!)]);
  };
  const [early] = await claim(project);
  const first = toWrites(project, await claim(project, ['1', '2']), lamp('Oil'));
  const unclaimed = (await claim(project, ['3', '4'])).map((token) => ({ ...token, known: undefined }));

  expect(await versionsOf(first)).toEqual([
    ['1', 'changed', 1],
    ['2', 'changed', 1],
  ]);
  expect(await versionsOf(toWrites(project, unclaimed, lamp('Oil')))).toEqual([
    ['3', 'changed', 1],
    ['4', 'missing', undefined],
  ]);
  const [touching] = toWrites(project, await claim(project, ['2']), null);
  const [changing] = toWrites(project, await claim(project), lamp('Gas'));
  expect(await versionsOf([touching!, changing!])).toEqual([
    ['2', 'unchanged', 1],
    ['1', 'changed', 2],
  ]);
  // One is older than the record, the other one than a write of the same batch.
  const [late, last] = [await claim(project), await claim(project)];
  expect(await versionsOf(toWrites(project, [early!], lamp('Oil')))).toEqual([['1', 'superseded', 2]]);
  expect(await versionsOf(toWrites(project, [...late, ...last], lamp('Wick')))).toEqual([
    ['1', 'superseded', 3],
    ['1', 'changed', 3],
  ]);
});

it('trait counts are written when the caller of a write runs what was deferred', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const writes = toWrites(project, await claim(project), lamp('Oil'));
  await store.prepareWrites(writes);

  const late: (() => Promise<void>)[] = [];
  const counts = await inOneTransaction(async (em) => {
    await store.writeMetadata(em, writes, { defer: (work) => void late.push(work) });
    const read = async () => {
      const { rows } = await sql`
        select token_count as count from nft_metadata.collection_traits
        where collection_id = ${project.collectionId}::uuid`.execute(em.getKysely());
      return rows;
    };
    const before = await read();
    for (const work of late) await work();
    return [before, await read()];
  });

  expect(counts).toEqual([[{ count: 0 }], [{ count: 1 }]]);
});

it.each([
  ['before the transaction', true],
  ['in the transaction', false],
])(
  'new trait values of a batch that was rolled back are counted once when it is written again: looked up %s',
  async (_, isKnown) => {
    const project = await test.aProject({ tokens: ['1'] });
    const writes = toWrites(project, await claim(project), lamp('Oil'));
    await store.prepareWrites(isKnown ? writes : []);
    const rolledBack = inOneTransaction(async (em) => {
      await store.writeMetadata(em, isKnown ? writes : writes.map((one) => ({ ...one, known: undefined })));
      throw new Error('the connection is gone');
    });
    await expect(rolledBack).rejects.toThrow('the connection is gone');
    expect(await countsOf(project)).toEqual({});

    expect(await write(writes)).toEqual(['changed']);

    expect(await countsOf(project)).toEqual({ Oil: 1 });
  },
);

it('if trait values are deleted by hand while their ids are known, one batch is rolled back, and its next write counts correctly', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  await write(toWrites(project, await claim(project, ['1']), lamp('Oil')));
  await test.database.query('delete from nft_metadata.collection_traits where collection_id = $1', [
    project.collectionId,
  ]);
  const writes = toWrites(project, await claim(project, ['2']), lamp('Oil'));

  await expect(write(writes)).rejects.toThrow('1 trait values were deleted while they were written to tokens.');
  expect(await store.findToken({ collectionId: project.collectionId, tokenId: '2' })).toMatchObject({ name: null });

  expect(await write(writes)).toEqual(['changed']);
  expect(await countsOf(project)).toEqual({ Oil: 1 });
});

it('a fetch that ends while its collection is removed leaves nothing of its traits behind, and the removal completes', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  await write(toWrites(project, await claim(project, ['1']), lamp('Oil')));
  const known = toWrites(project, await claim(project, ['2']), lamp('Oil'));
  const unknown = toWrites(project, await claim(project, ['2']), lamp('Gas'));

  const removed = await test.app.get(Collections).remove(project.collectionId, async () => {
    await store.prepareWrites(unknown);
    expect(await write(known)).toEqual(['missing']);
  });

  expect(removed).toBe(2);
  expect(await write(unknown)).toEqual(['missing']);
  const left = await test.database.query(
    `select (select count(*)::int from nft_metadata.collection_traits where collection_id = $1) as traits,
       (select count(*)::int from nft_metadata.token_documents as document
        where not exists (select from nft_metadata.tokens as token where token.id = document.id)) as documents`,
    [project.collectionId],
  );
  expect(left).toEqual([{ traits: 0, documents: 0 }]);
});

it('the first document of a token and each later one are reported with the fields that differ', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const changes: unknown[] = [];
  const onChange = (change: unknown) => void changes.push(change);
  await write(toWrites(project, await claim(project), lamp('Oil', { decimals: 0 })), { onChange });
  await write(toWrites(project, await claim(project), lamp('Gas', { name: 'Oil lamp', decimals: 0 })), { onChange });
  await write(toWrites(project, await claim(project), lamp('Gas', { name: null, contentHash: 'other' })), { onChange });

  const [oil, gas] = ['Oil', 'Gas'].map((value) => ({ traitType: 'Lamp', value }));
  expect(changes).toMatchObject([
    { changedFields: ['name', 'decimals', 'attributes'], traitsAdded: [oil], traitsRemoved: [] },
    { changedFields: ['attributes'], traitsAdded: [gas], traitsRemoved: [oil] },
    { changedFields: ['name', 'decimals'], traitsAdded: [], traitsRemoved: [] },
  ]);
});

it('a record whose hash was reset by hand is written again, document and counts included', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await write(toWrites(project, await claim(project), lamp('Oil')));
  await test.database.query('update nft_metadata.tokens set content_hash = null where collection_id = $1', [
    project.collectionId,
  ]);

  expect(await write(toWrites(project, await claim(project), lamp('Gas')))).toEqual(['changed']);

  expect(await countsOf(project)).toEqual({ Gas: 1 });
  expect(await store.findTokenWithDocument({ collectionId: project.collectionId, tokenId: '1' })).toMatchObject({
    token: { name: 'Gas lamp' },
    document: '{"lamp":"Gas"}',
  });
});
