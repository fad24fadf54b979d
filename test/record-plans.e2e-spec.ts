import { randomUUID } from 'node:crypto';
import { inTransaction } from '@app/database';
import { Collections, StagingStore, TokenStore, TraitRecount, VersionStore } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { fillCollection } from './support/large-collection.js';
import { requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, countFoundRows, explainLargestStep, explainReads } from './support/statements.js';
import { ids } from './support/token-ids.js';

const TOKENS = 10_000;
const BATCH = 200;

let test: TestApp;
let project: TestProject;
/** Autovacuum has analysed the tables when each collection had one token. */
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject();
  await test.database.query(
    `with collection as (
       insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url)
       select gen_random_uuid(), 1, '0x' || lpad(number::text, 40, '0'), 'none', 'metadata_api', 'https://metadata.example'
       from generate_series(1, 500) as number
       returning id
     ), token as (
       insert into nft_metadata.tokens (collection_id, token_id) select id, 1 from collection returning id, collection_id
     )
     insert into nft_metadata.token_search (collection_id, id, token_id, name_key, trait_ids, name_ngrams)
     select collection_id, id, 1, 'one', '{}', '{}' from token`,
  );
  await test.database.query('analyze nft_metadata.collections, nft_metadata.tokens, nft_metadata.token_search');
  await fillCollection(test.app, test.database, { id: project.collectionId, tokens: TOKENS });
});
afterAll(() => test.stop());

const ofSearch = ({ text }: { text: string }) => /token_search/.test(text);

it('a completion finds each search row by its key, when statistics are of collections with one token', async () => {
  await requestRefresh(test.app, project, ids(BATCH));
  const statements = await captureStatements(() => test.worker.runOnce());
  // The versions are written again, to explain the same statements.
  await test.database.query('delete from nft_metadata.token_versions');

  expect(statements.filter(ofSearch).length).toBeGreaterThan(1);
  expect(await explainLargestStep(test.database.url, statements.filter(ofSearch))).toBeLessThan(BATCH * 10);
});

it('a completion finds each listing of its tokens by its key, when statistics are of collections with one listing', async () => {
  await test.database.query('truncate marketplace.listings');
  const list = (query: string, values: unknown[]) =>
    test.database.query(
      `insert into marketplace.listings (collection_id, token_id, seller, price, currency)
       select collection_id, token_id, '0x' || repeat('5', 40), 1, 'ETH' from nft_metadata.tokens where ${query}`,
      values,
    );
  await list('collection_id <> $1', [project.collectionId]);
  await test.database.query('analyze marketplace.listings');
  await list('collection_id = $1', [project.collectionId]);
  await requestRefresh(test.app, project, ids(BATCH, BATCH + 1));
  const statements = await captureStatements(() => test.worker.runOnce());
  const writes = statements.filter(({ text }) => /insert into nft_metadata.token_search/.test(text));

  let found = 0;
  for (const write of writes) found += await countFoundRows(test.database.url, write, 'marketplace.listings');

  expect(found).toBeGreaterThanOrEqual(BATCH);
  expect(found).toBeLessThan(BATCH * 3);
});

it('a completion finds the traits of its tokens by their keys, when other collections have thousands of the same', async () => {
  const other = await test.aProject();
  const tokenIds = ids(BATCH, TOKENS + 1);
  const { collectionId } = project;
  await test.app.get(TokenStore).registerTokens(collectionId, tokenIds);
  await test.database.query(
    `insert into nft_metadata.collection_traits (collection_id, trait_type, value)
     select $1, 'Serial', number::text from generate_series(1, 5000) as number
     union all select id, 'Alive', 'yes' from nft_metadata.collections`,
    [other.collectionId],
  );
  await test.database.query('analyze nft_metadata.collection_traits');
  for (const id of tokenIds) {
    const serials = [1, 2, 3, 4].map((number) => ({ trait_type: `Serial ${number}`, value: id }));
    const attributes = [{ trait_type: 'Alive', value: 'yes' }, ...serials];
    test.metadataApi.script(id, { status: 200, body: { name: id, attributes } });
  }
  await requestRefresh(test.app, project, tokenIds);
  const statements = await captureStatements(() => test.worker.runOnce());
  const lookUps = statements.filter(({ text }) => /ordinality[\s\S]*collection_traits/.test(text));

  expect(lookUps.length).toBeGreaterThan(0);
  expect(await explainLargestStep(test.database.url, lookUps)).toBeLessThanOrEqual(5 * BATCH);
});

it('a repair of search rows finds each one by its key, when statistics are of collections with one token', async () => {
  const statements = await captureStatements(() => test.app.get(TraitRecount).recount(project.collectionId));
  const found = statements.filter(({ text }) => /token_documents/.test(text));

  expect(found.length).toBeGreaterThan(0);
  // A statement of the repair reads 5,000 tokens.
  expect(await explainLargestStep(test.database.url, found)).toBeLessThan(20_000);
});

it('a removal finds each search row by its key, when statistics are of collections with one token', async () => {
  const removed = ids(BATCH, TOKENS - BATCH + 1);
  const deletion = {
    text: 'delete from nft_metadata.tokens where collection_id = $1 and token_id = any($2::numeric[])',
    values: [project.collectionId, removed],
  };
  const found = await countFoundRows(test.database.url, deletion, 'nft_metadata.token_search');
  const statements = await captureStatements(() =>
    test.app.get(TokenStore).removeTokens(project.collectionId, removed),
  );

  expect(found).toBeLessThan(BATCH * 3);
  expect(await explainLargestStep(test.database.url, statements.filter(ofSearch))).toBeLessThan(BATCH * 10);
});

it('a recount goes through the traits of each token once, when statistics are of collections with one token', async () => {
  await test.database.query('update nft_metadata.collection_traits set token_count = 0 where collection_id = $1', [
    project.collectionId,
  ]);
  const statements = await captureStatements(async () => {
    const { corrected } = await test.app.get(TraitRecount).recount(project.collectionId);
    expect(corrected).toBeGreaterThanOrEqual(TOKENS - BATCH * 3);
  });
  const counts = statements.filter(({ text }) => /token_search|collection_traits/.test(text));

  expect(await explainLargestStep(test.database.url, counts)).toBeLessThan(8 * TOKENS);
});

it.each(['name', 'registered'] as const)(
  'a page in the order of %s reads as many search rows as it shows, when statistics are of collections with one token',
  async (orderBy) => {
    const query = { collectionId: project.collectionId, orderBy, limit: 20 };
    const statements = await captureStatements(() => test.app.get(TokenStore).pageTokens(query));

    const pages = statements.filter(({ text }) => /token_search|set_config/.test(text));
    expect(pages.length).toBeGreaterThan(1);
    expect(await explainLargestStep(test.database.url, pages)).toBeLessThanOrEqual(21);
  },
);

it('a removal of a collection reads each trait value once, however many there are', async () => {
  const [small, large] = [await test.aProject(), await test.aProject()];
  await test.database.query(
    `insert into nft_metadata.collection_traits (collection_id, trait_type, value)
     select $1, 'Serial', number::text from generate_series(1, 20000) as number`,
    [large.collectionId],
  );

  const statements = await captureStatements(() => test.app.get(Collections).remove(small.collectionId));
  const ofTraits = statements.filter(({ text }) => /set_config|collection_traits[\s\S]*limit/.test(text));
  const ofLarge = ofTraits.map(({ text, values }) => {
    return { text, values: values.map((value) => (value === small.collectionId ? large.collectionId : value)) };
  });

  expect(ofLarge.flatMap(({ values }) => values)).toContain(large.collectionId);
  // A statement deletes 5,000.
  expect(await explainLargestStep(test.database.url, ofLarge.slice(0, 2))).toBe(5000);
});

it('the end of many holds is found in the order of their times, as many as one transaction ends', async () => {
  const em = test.app.get(EntityManager);
  await test.database.query('update nft_metadata.tokens set held_until = now() where collection_id = $1', [
    project.collectionId,
  ]);
  // As before the first analysis.
  await test.database.query(
    `select pg_clear_attribute_stats('nft_metadata', 'tokens', attname, false)
     from pg_stats where schemaname = 'nft_metadata' and tablename = 'tokens'`,
  );

  const statements = await captureStatements(() =>
    inTransaction(em, (inside) => test.app.get(VersionStore).takeEndedHolds(inside, [project.collectionId], 10)),
  );

  expect(await explainLargestStep(test.database.url, statements)).toBeLessThan(100);
});

it('a page of staged documents is read by their keys, when statistics are of another reveal', async () => {
  const [em, staging, revealId] = [test.app.get(EntityManager), test.app.get(StagingStore), randomUUID()];
  const stage = (reveal: string, documents: number) =>
    test.database.query(
      `insert into nft_metadata.staged_documents (
         reveal_id, refresh_id, fetch_seq, fetched_at, size, has_image, token_id, content_hash, metadata_url, metadata_source, trait_ids,
         metadata, raw
       )
       select $1, $1, 1, now(), 300, true, number, number, '', 'metadata_api', '{}', '{}', '{}'
       from generate_series(1, $2::int) as number`,
      [reveal, documents],
    );
  await stage(randomUUID(), 5000);
  await test.database.query('analyze nft_metadata.staged_documents');
  await stage(revealId, TOKENS);

  const statements = await captureStatements(() =>
    staging.page(em.fork(), { revealId, collectionId: project.collectionId, after: null, limit: BATCH }),
  );

  expect(await explainLargestStep(test.database.url, statements)).toBe(BATCH);
});

it.each<[string, (store: TokenStore) => Promise<unknown>, RegExp]>([
  ['ages', (store) => store.listAges({ collectionId: project.collectionId, limit: BATCH }), /last_attempt_at/],
  ['a repair', () => test.app.get(TraitRecount).recount(project.collectionId), /metadata_version > 0/],
  [
    'updated tokens',
    (store) => store.pageUpdated({ collectionId: project.collectionId, updatedSince: new Date(0), limit: BATCH }),
    /as scanned|scanned as/,
  ],
])('a page of %s reads the tokens in the order of their ids, without statistics', async (_, read, statement) => {
  await test.database.query(
    `select pg_clear_attribute_stats('nft_metadata', 'tokens', attname, false)
     from pg_stats where schemaname = 'nft_metadata' and tablename = 'tokens'`,
  );
  const statements = await captureStatements(() => read(test.app.get(TokenStore)));
  const page = statements.findIndex(({ text }) => statement.test(text));

  const reads = await explainReads(test.database.url, statements.slice(page - 1, page + 1));

  expect(reads).toMatchObject([{ table: 'tokens', node: 'Index Scan', index: 'tokens_collection_id_token_id_key' }]);
});
