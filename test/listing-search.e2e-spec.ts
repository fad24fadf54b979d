import { TokenSearch, TokenStore, type TokenPageQuery } from '@app/token-store';
import { Listings } from '../src/listings/listings.js';
import { http, requestRefresh } from './support/project-api.js';
import { fillCollection } from './support/large-collection.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { explainReads, captureStatements } from './support/statements.js';

/** More than an ordered scan reads, with more matches than an index lookup reads. */
const TOKENS = 70_000;
/** Rows that a page reads at most: 12,500 in order, 4,000 matches, a sample of 2,500, and 1,000 values of a trait. */
const MAX_READ = 23_000;

let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject();
  await test.database.query(`
    alter table nft_metadata.token_search set (autovacuum_enabled = false);
    alter table marketplace.listings set (autovacuum_enabled = false);
    alter table nft_metadata.collection_traits set (autovacuum_enabled = false);
    analyze nft_metadata.token_search, marketplace.listings, nft_metadata.collection_traits`);
  await fillCollection(test.app, test.database, { id: project.collectionId, tokens: TOKENS });
}, 240_000);
afterAll(() => test.stop());

interface Page {
  result: { listing_id: string; price: string; token: { token_id: string; name: string } }[];
  cursor: string;
  remaining: number;
}

const address = () => `collection_address=${project.collectionAddress}`;

async function readPage(query: string, cursor = ''): Promise<Page> {
  const { body } = await http(test.app).get(`/listings?${query}&cursor=${cursor}`).expect(200);
  return body as Page;
}

/** Page after page, as a client walks them. */
async function readAll(query: string, most = Infinity): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ''; ;) {
    const page = await readPage(`${query}&page_size=200`, cursor);
    ids.push(...page.result.map(({ listing_id }) => listing_id));
    if (page.remaining === 0 || ids.length >= most) return ids.slice(0, most);
    cursor = page.cursor;
  }
}

const HAS = (condition: string) =>
  `listing.trait_ids && array(select id from nft_metadata.collection_traits as trait where ${condition})`;

/** Each filter as a plain SQL condition. */
const FILTERS: Readonly<Record<string, string>> = {
  'trait.Side=Light': HAS(`trait_type = 'Side' and value = 'Light'`),
  'trait.Level=7': HAS(`trait_type = 'Level' and value = '7'`),
  'trait.Level=7&trait.Level=8&trait.Side=Dark': `${HAS(`trait_type = 'Level' and value in ('7', '8')`)} and ${HAS(`value = 'Dark'`)}`,
  'trait.Side=Light&trait.Wings=Bat': 'false',
  'trait.Side=Grey': 'false',
  'trait.Tier=Gold': HAS(`value = 'Gold'`),
  'trait.Tier=Gold&trait.Half=Second': `${HAS(`value = 'Gold'`)} and ${HAS(`value = 'Second'`)}`,
  'trait.Level>=99': HAS(`trait_type = 'Level' and value_number >= 99`),
  'trait.Level>98&trait.Level<100': HAS(`trait_type = 'Level' and value_number > 98 and value_number < 100`),
  'trait.Level<=60&trait.Tier=Wood': `${HAS(`trait_type = 'Level' and value_number <= 60`)} and ${HAS(`value = 'Wood'`)}`,
  'trait.Score>=500&trait.Score<1000': HAS(`trait_type = 'Score' and value_number >= 500 and value_number < 1000`),
  'trait.Score>69000': HAS(`trait_type = 'Score' and value_number > 69000`),
  'trait.Side=Light&trait.Score>=500&trait.Score<1000': `${HAS(`value = 'Light'`)} and ${HAS(`trait_type = 'Score' and value_number >= 500 and value_number < 1000`)}`,
  'trait.Side=Light&trait.Level>=30&trait.Level<=69': `${HAS(`value = 'Light'`)} and ${HAS(`trait_type = 'Level' and value_number between 30 and 69`)}`,
  'trait.Side=Light&trait.Score<=5000': `${HAS(`value = 'Light'`)} and ${HAS(`trait_type = 'Score' and value_number <= 5000`)}`,
  'trait.Side=Light&trait.Wings=Bat&trait.Level>=30&trait.Level<=69': 'false',
  'q=amber&trait.Tier=Gold': `name_key like 'amber%' and ${HAS(`value = 'Gold'`)}`,
  'q=KNIGHT': `name_key like '%knight%'`,
  'q=ÉBÈNE%20Knight%20%233': `name_key like 'ébène knight #3%'`,
  'q=%2369': `name_key like '%#69%'`,
  'q=zebra': 'false',
  'q=@': 'false',
  'q=dragon&trait.Level=7': `name_key like 'dragon%' and ${HAS(`trait_type = 'Level' and value = '7'`)}`,
};
const ORDERS: Readonly<Record<string, string>> = {
  '': 'id desc',
  'direction=asc': 'id',
  'order_by=price': 'price, id',
  'order_by=price&direction=desc': 'price desc, id desc',
  'order_by=name': 'name_key, id',
  'order_by=name&direction=desc': 'name_key desc, id desc',
};

describe.each(Object.entries(ORDERS))('listings in the order "%s"', (order, columns) => {
  it.each(Object.entries(FILTERS))(
    'listings filtered by %s are the same as those of a plain query, over all pages',
    async (filter, condition) => {
      const expected = await test.database.query<{ id: string }>(
        `select id::text from (select * from marketplace.listings as listing where ${condition} order by ${columns} limit 400) as one`,
      );

      expect(await readAll(`${address()}&${filter}&${order}`, 400)).toEqual(expected.map(({ id }) => id));
    },
  );
});

it('a filter without a collection applies to all collections', async () => {
  const other = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 200, { name: 'The last Knight', attributes: [{ trait_type: 'Level', value: 7 }] });
  const listing = { collectionId: other.collectionId, tokenId: '1', seller: `0x${'5'.repeat(40)}`, currency: 'ETH' };
  await test.app.get(Listings).putUp([{ ...listing, price: '5000' }]);
  await requestRefresh(test.app, other, ['1']);
  await test.worker.runOnce();
  const [newest] = await readAll('');

  for (const filter of ['trait.Level=7', 'trait.Level>6&trait.Level<8', 'q=knight']) {
    expect((await readAll(`${filter}&order_by=price&direction=desc`, 1))[0]).toBe(newest);
    // It would be the first of them in this order.
    expect(await readAll(`${address()}&${filter}&order_by=price&direction=desc`, 400)).not.toContain(newest);
    expect(await readAll(`collection_address=${other.collectionAddress}&${filter}`)).toEqual([newest]);
  }
});

it('a page of listings whose matches are all at the end of the order is short and says where to continue', async () => {
  const first = await readPage(`${address()}&trait.Tier=Gold&order_by=price&page_size=50`);

  expect(first).toMatchObject({ result: [], remaining: 1 });
  const { result } = await readPage(`${address()}&trait.Tier=Gold&order_by=price&page_size=50`, first.cursor);
  expect(result).toHaveLength(50);
  expect(result[0]!.price).toMatch(/^1\d{3}$/);
});

it('a cursor of one order of listings is refused in another one, with both names', async () => {
  const { cursor } = await readPage(`${address()}&order_by=price`);

  const { body } = await http(test.app).get(`/listings?order_by=name&cursor=${cursor}`).expect(400);

  expect(body).toEqual({
    code: 'input_validation_failed',
    message: 'cursor belongs to the order "price:asc"; these pages have the order "name:asc": begin without a cursor',
  });
});

it('paging returns each listing once while others are put up for sale', async () => {
  const walked: string[] = [];
  let { result, cursor, remaining } = await readPage(`${address()}&trait.Level=42&order_by=price&page_size=20`);
  walked.push(...result.map(({ listing_id }) => listing_id));
  const there = await readAll(`${address()}&trait.Level=42&order_by=price`);
  await test.database.query(
    `insert into marketplace.listings (collection_id, token_id, seller, price, currency, name_key, trait_ids, name_ngrams)
     select collection_id, token_id, seller, price, currency, name_key, trait_ids, name_ngrams
     from marketplace.listings where id = any($1)`,
    [there.slice(0, 50)],
  );

  while (remaining === 1) {
    ({ result, cursor, remaining } = await readPage(`${address()}&trait.Level=42&order_by=price&page_size=20`, cursor));
    walked.push(...result.map(({ listing_id }) => listing_id));
  }

  expect(new Set(walked).size).toBe(walked.length);
  expect(there.filter((id) => !walked.includes(id))).toEqual([]);
});

describe.each(['old, of empty tables', 'of the tables as they are'])('with statistics that are %s', (age) => {
  beforeAll(async () => {
    if (age === 'of the tables as they are') {
      await test.database.query(
        'analyze nft_metadata.token_search, marketplace.listings, nft_metadata.collection_traits',
      );
    }
  });

  it.each(Object.keys(FILTERS))('a page of listings by %s is read through indexes, in bounded work', async (filter) => {
    for (const order of ['', 'order_by=price', 'order_by=name']) {
      const statements = await captureStatements(() => readPage(`${address()}&${filter}&${order}`));

      const reads = await explainReads(test.database.url, statements);

      expect(reads.filter(({ node }) => node === 'Seq Scan')).toEqual([]);
      expect(sum(reads)).toBeLessThan(MAX_READ);
    }
  });

  it.each(['trait.Level=7', 'trait.Side=Light&trait.Wings=Bat', 'q=zebra', 'q=dragon&trait.Level=7'])(
    'a filter that few listings match, as %s, uses the GIN index of traits and names',
    async (filter) => {
      const statements = await captureStatements(() => readPage(`${address()}&${filter}&order_by=price`));

      const indexes = (await explainReads(test.database.url, statements)).map(({ index }) => index);

      expect(indexes).toContain('listings_traits_and_name');
    },
  );

  it.each<[string, Partial<TokenPageQuery>, string]>([
    ['a rare trait', { traits: { Level: ['7'] } }, 'token_search_traits_and_name'],
    ['a common trait', { traits: { Side: ['Light'] } }, 'token_search_pkey'],
    ['a common trait, by name', { traits: { Side: ['Light'] }, orderBy: 'name' }, 'token_search_name'],
    [
      'a common trait and a range of 500 numbers',
      { traits: { Side: ['Light'] }, ranges: [{ traitType: 'Score', atLeast: '500', below: '1000' }] },
      'token_search_traits_and_name',
    ],
    [
      'a common trait and a range of more numbers than are looked up',
      { traits: { Side: ['Light'] }, ranges: [{ traitType: 'Score', above: '60000' }] },
      'token_search_pkey',
    ],
    ['a common name, from its end', { nameContains: 'amber', orderBy: 'name', direction: 'desc' }, 'token_search_name'],
    [
      'two traits that no token has both of',
      { traits: { Side: ['Light'], Wings: ['Bat'] } },
      'token_search_traits_and_name',
    ],
    ['a number', { ranges: [{ traitType: 'Score', above: '69990' }] }, 'token_search_traits_and_name'],
    ['a name', { nameContains: '#69999' }, 'token_search_traits_and_name'],
    ['nothing, the newest first', { orderBy: 'registered', direction: 'desc' }, 'token_search_registered'],
  ])('a page of tokens by %s is read through its index', async (_, query, index) => {
    const store = test.app.get(TokenStore);
    const statements = await captureStatements(() =>
      store.pageTokens({ collectionId: project.collectionId, ...query }),
    );

    const reads = await explainReads(test.database.url, statements);

    expect(reads.map((read) => read.index)).toContain(index);
    expect(reads.filter(({ node }) => node === 'Seq Scan').map(({ table }) => table)).not.toContain('token_search');
    expect(sum(reads)).toBeLessThan(MAX_READ);
  });
});

it('a page of two traits that no token has both of reads no posting lists beyond the limit and says where to continue', async () => {
  const filters = { traits: { Side: ['Light'], Wings: ['Bat'] } };
  const query = { ...filters, collectionId: project.collectionId };
  const find = (maxPostings: number) =>
    test.app.get(TokenSearch).find({
      table: 'nft_metadata.token_search',
      collectionId: project.collectionId,
      order: { label: 'token_id:asc', columns: [{ name: 'token_id', type: 'numeric' }], direction: 'asc' },
      filters,
      after: null,
      limit: 50,
      maxPostings,
    });
  const statements = await captureStatements(() => find(10_000));

  const reads = await explainReads(test.database.url, statements);

  expect(reads.map(({ index }) => index)).not.toContain('token_search_traits_and_name');
  expect(await find(10_000)).toEqual({ rows: [], next: [expect.stringMatching(/^[0-9]{5}$/)] });
  expect(await find(100_000)).toEqual({ rows: [], next: null });
  expect(await test.app.get(TokenStore).listTokens(query)).toEqual([]);
});

describe('TokenStore', () => {
  const page = (query: Partial<TokenPageQuery>) =>
    test.app.get(TokenStore).pageTokens({ collectionId: project.collectionId, limit: 1000, ...query });

  it('a TokenStore lists a full page of tokens with a trait that only the second half of the ids has', async () => {
    const tokens = await test.app
      .get(TokenStore)
      .listTokens({ collectionId: project.collectionId, traits: { Half: ['Second'] }, limit: 300 });

    expect(tokens.map(({ tokenId }) => Number(tokenId))).toEqual(
      Array.from({ length: 300 }, (_, at) => TOKENS / 2 + 1 + at),
    );
  });

  it.each(['token_id', 'registered', 'name'] as const)(
    'a TokenStore pages by %s in both directions and returns each token once',
    async (orderBy) => {
      const walk = async (direction: 'asc' | 'desc') => {
        const names: string[] = [];
        let cursor: string | null | undefined;
        do {
          const { tokens, next } = await page({
            traits: { Level: ['7'] },
            orderBy,
            direction,
            ...(cursor && { cursor }),
          });
          names.push(...tokens.map(({ name }) => name!));
          cursor = next;
        } while (cursor);
        return names;
      };

      const names = await walk('asc');

      expect(names.length).toBeGreaterThan(500);
      expect(new Set(names).size).toBe(names.length);
      expect(await walk('desc')).toEqual(names.toReversed());
      if (orderBy === 'name') expect(names[0]).toMatch(/^Amber/);
    },
  );

  it('a TokenStore refuses a cursor of another order, and text that is not a cursor', async () => {
    const { next } = await page({ orderBy: 'name', limit: 1 });

    await expect(page({ orderBy: 'registered', cursor: next! })).rejects.toThrow(
      'cursor belongs to the order "name:asc"; these pages have the order "registered:asc"',
    );
    await expect(page({ cursor: 'x' })).rejects.toThrow('cursor must be the cursor of an earlier page');
    await expect(page({ ranges: [{ traitType: 'Level', atLeast: '1e3' }] })).rejects.toThrow('is not a decimal number');
  });
});

function sum(reads: readonly { rows: number }[]): number {
  return reads.reduce((total, { rows }) => total + rows, 0);
}
