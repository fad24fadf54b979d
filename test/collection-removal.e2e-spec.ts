import { Collections, TokenStore, TraitRecount, UnknownCollection } from '@app/token-store';
import { Client } from 'pg';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let collections: Collections;
let store: TokenStore;
beforeAll(async () => {
  test = await startApp();
  collections = test.app.get(Collections);
  store = test.app.get(TokenStore);
});
afterAll(() => test.stop());

const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

async function refreshed(project: TestProject, ...tokenIds: string[]): Promise<void> {
  for (const tokenId of tokenIds) {
    const attributes = [{ trait_type: 'Parity', value: Number(tokenId) % 2 === 0 ? 'even' : 'odd' }];
    test.metadataApi.respond(tokenId, 200, { name: tokenId, attributes });
  }
  await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
}

const rowsOf = async ({ collectionId }: TestProject) => {
  const [rows] = await test.database.query<Record<string, number>>(
    `select (select count(*)::int from nft_metadata.collections where id = $1) as collections,
       (select count(*)::int from nft_metadata.tokens where collection_id = $1) as tokens,
       (select count(*)::int from nft_metadata.collection_traits where collection_id = $1) as traits`,
    [collectionId],
  );
  return rows;
};

describe('removing a collection', () => {
  it('removes its tokens and traits, no more than 1,000 tokens a statement, and its address is free again', async () => {
    const project = await test.aProject({ tokens: ids(2300) });
    const other = await test.aProject({ tokens: ['1', '2'] });
    await refreshed(project, '1', '2', '3');
    await refreshed(other, '1', '2');
    // Counts that are wrong do not keep it.
    await test.database.query('update nft_metadata.collection_traits set token_count = 0 where collection_id = $1', [
      project.collectionId,
    ]);
    await test.database.query(`
      create table test_clock.removals (rows int);
      create function test_clock.note_removal() returns trigger language plpgsql as $$
      begin insert into test_clock.removals select count(*) from gone; return null; end $$;
      create trigger watch after delete on nft_metadata.tokens referencing old table as gone
        for each statement execute function test_clock.note_removal()`);

    expect(await collections.remove(project.collectionId)).toBe(2300);

    const statements = await test.database.query('select rows from test_clock.removals where rows > 0');
    await test.database.query('drop function test_clock.note_removal cascade');
    expect(statements).toEqual([{ rows: 1000 }, { rows: 1000 }, { rows: 300 }]);
    expect(await rowsOf(project)).toEqual({ collections: 0, tokens: 0, traits: 0 });
    expect(await rowsOf(other)).toEqual({ collections: 1, tokens: 2, traits: 2 });
    await expect(collections.remove(project.collectionId)).rejects.toThrow(UnknownCollection);
    await collections.add({
      chainId: 1,
      address: project.collectionAddress,
      projectId: project.id,
      source: { kind: 'metadata_api', url: 'https://a.example' },
    });
  });

  it('leaves refreshes readable, and ends what is pending in them without stopping the worker for others', async () => {
    const [project, other] = [await test.aProject({ tokens: ['1', '2'] }), await test.aProject({ tokens: ['1'] })];
    test.metadataApi.respond('2', 404);
    const refreshId = await requestRefresh(test.app, project, ['1', '2']);
    const others = await requestRefresh(test.app, other, ['1']);

    await collections.remove(project.collectionId);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 0, failed: 2, pending: 0 },
    });
    expect(await readErrors(test.app, project, refreshId)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ token_id: '1', error_code: 'token_not_found' }),
        expect.objectContaining({ token_id: '2', error_code: 'invalid_response_status_code' }),
      ]),
    );
    expect(await readRefresh(test.app, other, others)).toMatchObject({ summary: { succeeded: 1 } });
    await http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] })
      .expect(403);
  });

  it('takes tokens along that were being registered when it began, and refuses those that come after', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const registering = new Client({ connectionString: test.database.url });
    await registering.connect();
    await registering.query('begin');
    await registering.query('insert into nft_metadata.tokens (collection_id, token_id) values ($1, 2)', [
      project.collectionId,
    ]);

    const removing = collections.remove(project.collectionId);
    await vi.waitUntil(async () => (await collections.findByAddress(project.collectionAddress)).length === 0);
    await expect(store.registerTokens(project.collectionId, ['3'])).rejects.toThrow(UnknownCollection);
    await registering.query('commit');
    await registering.end();

    expect(await removing).toBe(2);
    expect(await rowsOf(project)).toEqual({ collections: 0, tokens: 0, traits: 0 });
  });
});

it('removing tokens moves the counts of their traits', async () => {
  const project = await test.aProject({ tokens: ids(5) });
  await refreshed(project, ...ids(5));

  expect(await store.removeTokens(project.collectionId, ['1', '2', '3', '77'])).toBe(3);

  expect(await store.listTraits({ collectionId: project.collectionId })).toMatchObject([
    {
      traitType: 'Parity',
      values: [
        { value: 'even', tokenCount: 1 },
        { value: 'odd', tokenCount: 1 },
      ],
    },
  ]);
  expect(await test.app.get(TraitRecount).recount(project.collectionId)).toMatchObject({ corrected: 0 });
  expect(await store.countTokens(project.collectionId)).toBe(2);
});
