import { http } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

/** More than the pool has connections. */
const TIMES = 15;

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

it('transactions that the database breaks off cost no connection, however many they are', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const post = () =>
    http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] });
  await test.database.query(`
    create function break_off() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$`);
  await test.database.query(
    'create trigger broken_off before insert on nft_metadata.refreshes for each row execute function break_off()',
  );

  const broken: number[] = [];
  for (let time = 0; time < TIMES; time += 1) broken.push((await post()).status);
  await test.database.query('drop trigger broken_off on nft_metadata.refreshes');
  const afterwards = await post();

  expect(broken).toEqual(Array<number>(TIMES).fill(503));
  expect(afterwards.status).toBe(202);
});
