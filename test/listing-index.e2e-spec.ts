import { Client } from 'pg';
import { Listings } from '../src/listings/listings.js';
import { untilLockWaits } from './support/lock-waits.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject({ tokens: ['1'] });
});
afterAll(() => test.stop());

it('a listing that is put up for sale while its token is written has the new traits', async () => {
  const writing = new Client({ connectionString: test.database.url });
  await writing.connect();
  await writing.query('begin');
  await writing.query('select from nft_metadata.tokens where token_id = 1 for no key update');
  const listing = { collectionId: project.collectionId, tokenId: '1', price: '1', currency: 'ETH' };
  const putting = test.app.get(Listings).putUp([{ ...listing, seller: `0x${'5'.repeat(40)}` }]);
  await untilLockWaits(test.database);
  await writing.query(
    `insert into nft_metadata.token_search
     select collection_id, id, token_id, 'in between', '{7}', '{}' from nft_metadata.tokens where token_id = 1`,
  );

  await writing.query('commit');
  await writing.end();
  await putting;

  expect(await test.database.query('select name_key, trait_ids from marketplace.listings')).toEqual([
    { name_key: 'in between', trait_ids: ['7'] },
  ]);
});

it('no search finds a token that has been removed', async () => {
  await test.database.query('delete from nft_metadata.tokens where token_id = 1');

  expect(await test.database.query('select from nft_metadata.token_search')).toEqual([]);
});
