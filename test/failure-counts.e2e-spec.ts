import { Refreshes } from '@app/metadata-refresh';
import { requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';

let test: TestApp;
let refreshes: Refreshes;
beforeAll(async () => {
  test = await startApp();
  refreshes = test.app.get(Refreshes);
});
afterAll(() => test.stop());

async function aRefresh(project: TestProject): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  return refreshId;
}

/** Adds errors for these tokens, and counts them, like a worker. */
const fail = (refreshId: string, errorCode: string, reason: string, from: number, to: number) =>
  test.database.query(
    `with error as (
       insert into nft_metadata.refresh_errors
         (refresh_id, token_id, metadata_url, status_code, body, error_code, reason, created_at)
       select $1, token_id, 'https://api.example/' || token_id, 404, repeat('not here ', 100), $2, $3, now()
       from generate_series($4::int, $5::int) as token_id
       returning token_id
     )
     insert into nft_metadata.refresh_reasons (refresh_id, error_code, reason, count, example_token_id)
     select $1, $2, $3, count(*), min(token_id) from error`,
    [refreshId, errorCode, reason, from, to],
  );

it('the failures of several refreshes are counted by code and reason, each with a token and with advice', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const [one, other, unrelated] = [await aRefresh(project), await aRefresh(project), await aRefresh(project)];
  await fail(one, 'invalid_response_status_code', 'status_404', 9, 12);
  await fail(other, 'invalid_response_status_code', 'status_404', 100, 110);
  await fail(one, 'token_not_found', 'contract_reverted', 20, 22);
  await fail(other, 'unable_to_retrieve_metadata', 'contract_reverted', 10, 11);
  await fail(unrelated, 'unable_to_retrieve_metadata', 'timeout', 1, 5);

  expect(await refreshes.countFailures([one, other])).toEqual([
    {
      errorCode: 'invalid_response_status_code',
      reason: 'status_404',
      tokens: 15,
      advice: expect.stringMatching(/no document/) as string,
      example: { tokenId: '9', metadataUrl: 'https://api.example/9', statusCode: 404 },
    },
    expect.objectContaining({ errorCode: 'token_not_found', reason: 'contract_reverted', tokens: 3 }),
    expect.objectContaining({ errorCode: 'unable_to_retrieve_metadata', reason: 'contract_reverted', tokens: 2 }),
  ]);
});

it('failures are counted without reading them, however many there are', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await aRefresh(project);
  await fail(refreshId, 'invalid_response_status_code', 'status_404', 1, 3000);
  await test.database.query('analyze nft_metadata.refresh_errors, nft_metadata.refresh_reasons');

  const statements = await captureStatements(() => refreshes.countFailures([refreshId]));
  const reads = await explainReads(test.database.url, statements);

  expect(reads.find(({ table }) => table === 'refresh_errors')).toMatchObject({ rows: 1 });
});
