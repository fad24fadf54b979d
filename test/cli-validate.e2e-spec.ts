import { commandLine } from './support/command-line.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject({ tokens: ids(21), limits: { tokensPerHour: 0 } });
});
afterAll(() => test.stop());

const { run, json, refused } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: test.metadataApi.host,
}));
const validate = (tokens: string) => ['validate', '--collection', project.collectionAddress, '--tokens', tokens];

it('the command line prints what a refresh would do with each token, and its exit status says whether one would fail', async () => {
  test.metadataApi.respond('1', 200, { name: 'Dragon', image: '/1.png' }).respond('2', 404, 'no');
  test.metadataApi.respond('3', 302, '', { location: '/moved/3rd' }).respond('4', 404, 'no');
  test.metadataApi.respond('5', 503, '');

  const { status, out, err } = await run(...validate('1-5'));

  expect({ status, err }).toEqual({ status: 1, err: '' });
  const [head, ...lines] = out.trimEnd().split('\n');
  expect(head).toMatch(/^token {2}verdict {2}status {2}ms +bytes {2}details$/);
  expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    expect.stringMatching(/^1 updated 200 \d+ \d+ name, image_original$/),
    expect.stringMatching(/^2 failed 404 \d+ 2 status_404$/),
    expect.stringMatching(/^3 updated 200 \d+ \d+ name, image_url, image_original$/),
    expect.stringMatching(/^4 failed 404 \d+ 2 status_404$/),
    expect.stringMatching(/^5 failed 503 \d+ 0 status_503$/),
    '',
    'updated: 2, failed: 3',
    expect.stringMatching(
      /^invalid_response_status_code, status_404 \(tokens 2, 4\): Your server has no document.*\.$/,
    ),
    expect.stringMatching(/^invalid_response_status_code, status_503 \(token 5\): .*\. A refresh would try again\.$/),
    'warning relative_image (token 1): The URL in image was dropped, because it is a path or a file name: write the whole URL.',
    `redirected (token 3): ${test.metadataApi.url}/${project.collectionAddress}/3 -> ${test.metadataApi.url}/moved/3rd`,
  ]);
});

it('the command line names redirects to other hosts apart, with an example of those that lead to one host', async () => {
  const ofToken = (id: string) => `${test.metadataApi.url}/${project.collectionAddress}/${id}`;
  for (const id of ['7', '8']) test.metadataApi.respond(id, 302, '', { location: `/moved/${id}th` });
  test.metadataApi.respond('9', 302, '', { location: 'http://169.254.169.254/latest' });

  const { out } = await run(...validate('7-9'));

  expect(out.trimEnd().split('\n').slice(-2)).toEqual([
    `redirected (tokens 7, 8): such as ${ofToken('7')} -> ${test.metadataApi.url}/moved/7th`,
    `redirected (token 9): ${ofToken('9')} -> http://169.254.169.254/latest`,
  ]);
});

it('the command line prints a validation as one JSON object, and counts it towards no limit', async () => {
  test.metadataApi.respond('6', 200, { name: 'Dragon' });

  expect(await json(...validate('6'))).toEqual({
    collection_address: project.collectionAddress,
    verdicts: { updated: 1, unchanged: 0, superseded: 0, held: 0, failed: 0, not_tried: 0, not_finished: 0 },
    cooldown: null,
    tokens: [
      {
        token_id: '6',
        verdict: 'updated',
        requests: [
          {
            url: `${test.metadataApi.url}/${project.collectionAddress}/6`,
            redirects: [],
            outcome: 'fetched',
            status_code: 200,
            reason: null,
            duration_ms: expect.any(Number),
            bytes: 17,
          },
        ],
        error_code: null,
        reason: null,
        advice: null,
        retried_by_refresh: false,
        response_body: null,
        warnings: [],
        changed_fields: ['name'],
        traits_added: [],
        traits_removed: [],
        has_all_traits: true,
      },
    ],
  });
  expect(await test.database.query('select from nft_metadata.refresh_quotas')).toEqual([]);
  expect(await test.database.query('select from nft_metadata.refreshes')).toEqual([]);
});

it('the command line fails for a token without a result, such as one whose host is in cooldown', async () => {
  await test.database.query(
    `insert into nft_metadata.metadata_hosts (host, cooldown_until) values ($1, now() + interval '1 minute')
     on conflict (host) do update set cooldown_until = excluded.cooldown_until`,
    [test.metadataApi.host],
  );

  const { status, out } = await run(...validate('6'));

  expect(status).toBe(1);
  expect(out).toContain('not_tried');
  expect(out).toContain(`cooldown: ${test.metadataApi.host} gets no requests until 20`);
});

it('the command line refuses to validate more than 20 tokens, or none', async () => {
  expect(await refused(...validate('1-21'))).toBe(
    'error: A validation may name at most 20 tokens; this one names 21.\n',
  );
  expect(await refused('validate', '--collection', project.collectionAddress)).toContain('--tokens');
});
