import { randomUUID } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { TokenStore, TraitRecount, type MetadataWrite } from '@app/token-store';
import { emptyMetadata } from './support/empty-metadata.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

/** Random and the same in each run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it.each([
  ['that read each record first', false],
  ['that know the records from the claim, some as they were before another write', true],
])(
  'a trait recount finds no wrong count after 10,000 random refreshes by four concurrent writers %s [I1–I5, I7, I9, I10]',
  async (_, isKnown) => {
    const tokens = Array.from({ length: 300 }, (_, id) => String(id));
    const { collectionId } = await test.aProject({ tokens });
    const store = test.app.get(TokenStore);
    const random = randomFrom(7);
    const keys = ['Background', `it's "50%"`, ' Background ', 'Level', '🦊', 'null'];
    let fetchSeq = 0;
    const randomWrite = (): MetadataWrite => {
      fetchSeq += 1;
      const attributes = Array.from({ length: random(6) }, () => {
        const value = random(12);
        return {
          traitType: keys[random(keys.length)]!,
          value: value > 8 ? value : `value ${value}`,
          valueType: value > 8 ? ('number' as const) : ('string' as const),
          displayType: null,
          maxValue: null,
        };
      });
      const raw = JSON.stringify({ fetchSeq, attributes });
      return {
        collectionId,
        tokenId: tokens[random(tokens.length)]!,
        // One in ten comes too late, and must change nothing.
        fetchSeq: String(random(10) === 0 ? Math.max(1, fetchSeq - 500) : fetchSeq),
        metadata: {
          ...emptyMetadata,
          name: 'x',
          attributes,
          raw,
          contentHash: String(random(4) === 0 ? 'same' : fetchSeq),
        },
        metadataUrl: 'https://api.example/1',
        metadataSource: 'metadata_api',
        refreshId: randomUUID(),
      };
    };
    const batches = Array.from({ length: 200 }, () => Array.from({ length: 50 }, randomWrite));
    const write = async () => {
      for (let batch = batches.pop(); batch; batch = batches.pop()) {
        const stored = new Map(
          (isKnown ? await store.findStored(batch) : []).map((token) => [token.tokenId, token.known]),
        );
        const writes = batch.map((one) => ({ ...one, known: stored.get(one.tokenId) }));
        if (isKnown) await store.prepareWrites(writes);
        await test.app
          .get(EntityManager)
          .fork()
          .transactional((em) => store.writeMetadata(em, writes));
      }
    };

    await Promise.all([write(), write(), write(), write()]);

    const recount = await test.app.get(TraitRecount).recount(collectionId);
    expect(recount).toEqual({
      collections: 1,
      traits: expect.any(Number) as number,
      corrected: 0,
      searchRowsRepaired: 0,
    });
    expect(recount.traits).toBeGreaterThan(50);
    const [sums] = await test.database.query<{ counted: number; held: number }>(
      `select (select sum(token_count)::int from nft_metadata.collection_traits where collection_id = $1) as counted,
      (select sum(cardinality(trait_ids))::int from nft_metadata.token_search where collection_id = $1) as held`,
      [collectionId],
    );
    expect(sums!.counted).toBe(sums!.held);
  },
);

it('a new trait value that fifty concurrent writers insert has one row and a count of fifty [I1, I5]', async () => {
  const tokens = Array.from({ length: 50 }, (_, id) => String(id));
  const { collectionId } = await test.aProject({ tokens });
  const attributes = ['Lamp', 'Wick', 'Glass'].map((traitType) => {
    return { traitType, value: 'New', valueType: 'string' as const, displayType: null, maxValue: null };
  });
  const write = (tokenId: string, index: number) =>
    test.app
      .get(EntityManager)
      .fork()
      .transactional((em) =>
        test.app.get(TokenStore).writeMetadata(em, [
          {
            collectionId,
            tokenId,
            fetchSeq: String(index + 1),
            // Each brings them in another order.
            metadata: {
              ...emptyMetadata,
              name: 'x',
              attributes: index % 2 === 0 ? attributes : attributes.toReversed(),
              raw: '{}',
              contentHash: tokenId,
            },
            metadataUrl: 'https://api.example/1',
            metadataSource: 'metadata_api',
            refreshId: randomUUID(),
          },
        ]),
      );

  const results = await Promise.all(tokens.map(write));

  expect(new Set(results.flat())).toEqual(new Set(['changed']));
  const rows = await test.database.query(
    'select trait_type, value, token_count from nft_metadata.collection_traits where collection_id = $1 order by 1',
    [collectionId],
  );
  expect(rows).toEqual(['Glass', 'Lamp', 'Wick'].map((trait_type) => ({ trait_type, value: 'New', token_count: 50 })));
});

it('a trait recount corrects wrong counts and says how many', async () => {
  await test.database.query('update nft_metadata.collection_traits set token_count = token_count + 1 where id % 2 = 0');

  const first = await test.app.get(TraitRecount).recount();
  const second = await test.app.get(TraitRecount).recount();

  expect(first.corrected).toBeGreaterThan(0);
  expect(second).toMatchObject({ corrected: 0 });
});

it('a trait count that is too low does not keep its tokens from being written, and a recount corrects it', async () => {
  const { collectionId } = await test.aProject({ tokens: ['1', '2'] });
  const store = test.app.get(TokenStore);
  const write = (tokenIds: readonly string[], value: string, fetchSeq: string) =>
    test.app
      .get(EntityManager)
      .fork()
      .transactional((em) =>
        store.writeMetadata(
          em,
          tokenIds.map((tokenId) => ({
            collectionId,
            tokenId,
            fetchSeq,
            metadata: {
              ...emptyMetadata,
              name: 'x',
              attributes: [{ traitType: 'Lamp', value, valueType: 'string', displayType: null, maxValue: null }],
              raw: '{}',
              contentHash: value,
            },
            metadataUrl: 'https://api.example/1',
            metadataSource: 'metadata_api',
            refreshId: randomUUID(),
          })),
        ),
      );
  await write(['1', '2'], 'Oil', '1');
  await test.database.query('update nft_metadata.collection_traits set token_count = 0 where collection_id = $1', [
    collectionId,
  ]);

  expect(await write(['1'], 'Gas', '2')).toEqual(['changed']);

  expect(await test.app.get(TraitRecount).recount(collectionId)).toMatchObject({ corrected: 1 });
  expect(await store.listTraits({ collectionId })).toMatchObject([
    {
      values: [
        { value: 'Gas', tokenCount: 1 },
        { value: 'Oil', tokenCount: 1 },
      ],
    },
  ]);
});

it('a trait recount repairs the search rows of records that were written without the store', async () => {
  const { collectionId } = await test.aProject({ tokens: ['1', '2', '3'] });
  const store = test.app.get(TokenStore);
  await test.database.query(
    `with token as (
       update nft_metadata.tokens
       set metadata_version = 1, content_hash = 'x', metadata_status = 'ok', last_success_at = now()
       where collection_id = $1 and token_id < 3
       returning id, token_id
     )
     insert into nft_metadata.token_documents (id, name, attributes, raw)
     select id, 'Ölfeuer ' || token_id, '[{"traitType":"Lamp","value":"Oil","valueType":"string"}]', '{}' from token`,
    [collectionId],
  );
  const found = async () => {
    const filters = [{ traits: { Lamp: ['Oil'] } }, { nameContains: 'ÖLFEUER' }];
    const pages = await Promise.all(filters.map((filter) => store.listTokens({ collectionId, ...filter })));
    return pages.map((tokens) => tokens.map(({ tokenId }) => tokenId));
  };
  expect(await found()).toEqual([[], []]);

  const recount = await test.app.get(TraitRecount).recount(collectionId);

  expect(recount).toMatchObject({ corrected: 1, searchRowsRepaired: 2 });
  expect(await found()).toEqual([
    ['1', '2'],
    ['1', '2'],
  ]);
  expect(await test.app.get(TraitRecount).recount(collectionId)).toMatchObject({ corrected: 0, searchRowsRepaired: 0 });
});
