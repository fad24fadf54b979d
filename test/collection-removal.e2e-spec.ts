import { CollectionFull, Collections, TokenStore, TraitRecount, UnknownCollection } from '@app/token-store';
import { Client } from 'pg';
import { removeCollection } from '../src/cli/collection-removal.js';
import type { Session } from '../src/cli/session.js';
import { Listings } from '../src/listings/listings.js';
import { cancelLockWaits, untilLockWaits } from './support/lock-waits.js';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { explainReads, captureStatements } from './support/statements.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let collections: Collections;
let store: TokenStore;
beforeAll(async () => {
  test = await startApp();
  collections = test.app.get(Collections);
  store = test.app.get(TokenStore);
});
afterAll(() => test.stop());

async function transaction(): Promise<Client> {
  const client = new Client({ connectionString: test.database.url });
  await client.connect();
  await client.query('begin');
  return client;
}

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
  it('removing a collection deletes the tokens and traits of the collection, 1,000 tokens per statement at most, and frees its address', async () => {
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

  it('removing a collection leaves refreshes of the collection readable and fails their pending tokens, while the worker goes on for others', async () => {
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

  it('removing a collection waits for a registration of tokens and deletes these too; later registrations are refused', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const registering = await transaction();
    await registering.query('insert into nft_metadata.tokens (collection_id, token_id) values ($1, 2)', [
      project.collectionId,
    ]);

    const removing = collections.remove(project.collectionId);
    await untilLockWaits(test.database);
    const late = store.registerTokens(project.collectionId, ['3']).catch((error: unknown) => error);
    await registering.query('commit');
    await registering.end();

    expect(await late).toBeInstanceOf(UnknownCollection);
    expect(await removing).toBe(2);
    expect(await rowsOf(project)).toEqual({ collections: 0, tokens: 0, traits: 0 });
  });

  it('removing a collection leaves no listings of the collection behind when the removal is interrupted at any step and repeated', async () => {
    const services = { collections, listings: test.app.get(Listings) };
    const session = { get: async (name: keyof typeof services) => services[name] } as Pick<Session, 'get'>;
    for (const table of ['nft_metadata.collection_traits', 'nft_metadata.tokens', 'marketplace.listings']) {
      const project = await test.aProject({ tokens: ['1', '2'] });
      await refreshed(project, '1', '2');
      const listing = {
        collectionId: project.collectionId,
        seller: `0x${'5'.repeat(40)}`,
        price: '1',
        currency: 'ETH',
      };
      const listings = test.app.get(Listings);
      await listings.putUp(['1', '2'].map((tokenId) => ({ ...listing, tokenId })));
      const holding = await transaction();
      await holding.query(`select from ${table} where collection_id = $1 for update`, [project.collectionId]);

      const interrupted = removeCollection(session, project.collectionId).catch(String);
      await untilLockWaits(test.database);
      await expect(listings.putUp([{ ...listing, tokenId: '2' }])).rejects.toThrow(UnknownCollection);
      await cancelLockWaits(test.database);
      expect(await interrupted).toMatch(/canceling statement/);
      await holding.end();

      await removeCollection(session, project.collectionId);
      expect(await rowsOf(project)).toEqual({ collections: 0, tokens: 0, traits: 0 });
      expect(
        await test.database.query('select from marketplace.listings where collection_id = $1', [project.collectionId]),
      ).toEqual([]);
    }
  });

  it('removing a collection waits for listings that are being inserted and deletes these too', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const tokens = await transaction();
    await tokens.query('select from nft_metadata.tokens where collection_id = $1 for update', [project.collectionId]);
    const listing = { collectionId: project.collectionId, tokenId: '1', seller: `0x${'5'.repeat(40)}` };
    const listings = test.app.get(Listings);
    const puttingUp = listings.putUp([{ ...listing, price: '1', currency: 'ETH' }]);
    await untilLockWaits(test.database, { count: 1 });

    const removing = collections.remove(project.collectionId, () => listings.deleteByCollection(project.collectionId));
    await untilLockWaits(test.database, { count: 2 });
    await tokens.query('commit');
    await tokens.end();
    await Promise.all([puttingUp, removing]);

    expect(
      await test.database.query('select from marketplace.listings where collection_id = $1', [project.collectionId]),
    ).toEqual([]);
  });
});

describe('token counts of collections', () => {
  const counted = async (project: TestProject) => (await rowsOf(project))!['tokens'];

  it('token counts are exact while tokens of the collection are registered and removed concurrently', async () => {
    const project = await test.aProject({ tokens: ids(50) });
    const somewhere = (offset: number) => ids(400).map((id) => String(Number(id) + offset));

    await Promise.all([
      store.registerTokens(project.collectionId, somewhere(0)),
      store.removeTokens(project.collectionId, somewhere(100)),
      store.registerTokens(project.collectionId, somewhere(200), { collectionTokens: 10_000 }),
      store.removeTokens(project.collectionId, somewhere(300)),
      store.registerTokens(project.collectionId, somewhere(50)),
      store.registerTokens(project.collectionId, somewhere(250)),
    ]);

    expect(await counted(project)).toBeGreaterThan(0);
    expect(await store.countTokens(project.collectionId)).toBe(await counted(project));
  });

  it('token counts do not change when a registration is refused, and include rows that other programs insert or delete', async () => {
    const project = await test.aProject({ tokens: ids(3) });

    await expect(store.registerTokens(project.collectionId, ['4', '5'], { collectionTokens: 4 })).rejects.toThrow(
      CollectionFull,
    );
    expect(await store.countTokens(project.collectionId)).toBe(3);
    await test.database.query('insert into nft_metadata.tokens (collection_id, token_id) values ($1, 9), ($1, 10)', [
      project.collectionId,
    ]);
    await test.database.query('delete from nft_metadata.tokens where collection_id = $1 and token_id = 1', [
      project.collectionId,
    ]);

    expect(await store.countTokens(project.collectionId)).toBe(4);
  });

  it('token counts are read from one row, also by a registration with a limit', async () => {
    const project = await test.aProject({ tokens: ids(5000) });

    const statements = await captureStatements(async () => {
      await store.countTokens(project.collectionId);
      await store.registerTokens(project.collectionId, ['5001'], { collectionTokens: 5001 });
    });

    const reads = await explainReads(test.database.url, statements);
    expect(reads.map(({ table }) => table)).toContain('collections');
    expect(reads.reduce((rows, read) => rows + read.rows, 0)).toBeLessThan(20);
  });

  it('a recount corrects the token count of a collection', async () => {
    const project = await test.aProject({ tokens: ids(7) });
    await test.database.query('update nft_metadata.collections set token_count = 3 where id = $1', [
      project.collectionId,
    ]);

    await test.app.get(TraitRecount).recount(project.collectionId);

    expect(await store.countTokens(project.collectionId)).toBe(7);
  });
});

it('removing tokens updates the counts of their traits', async () => {
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
