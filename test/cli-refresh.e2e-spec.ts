import { Refreshes } from '@app/metadata-refresh';
import { commandLine } from './support/command-line.js';
import { parse } from './support/csv.js';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const { start, run, json, refused } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: test.metadataApi.host,
}));

/** No later test has to process its tokens. */
const cancel = (refreshId: string) => test.app.get(Refreshes).cancel(refreshId);

const cat = (level: number) => ({ name: `Cat ${level}`, attributes: [{ trait_type: 'Level', value: level }] });

/** A refresh of four tokens: 1 is new, 2 unchanged, 3 has another name and level, 4 is not there. */
async function aMixedRefresh() {
  const project = await test.aProject({ tokens: ids(4) });
  test.metadataApi.respond('1', 200, { name: 'One' }).respond('2', 200, { name: 'Two' }).respond('3', 200, cat(1));
  await requestRefresh(test.app, project, ['2', '3']);
  await test.worker.runOnce();
  test.metadataApi.respond('3', 200, cat(2)).respond('4', 404, 'gone');
  const refreshId = await requestRefresh(test.app, project, ids(4));
  await test.worker.runOnce();
  return { project, refreshId, url: `${test.metadataApi.url}/${project.collectionAddress}` };
}

it('refresh show prints how the tokens ended, why some failed, what the owner of the metadata can do, and which commands come next', async () => {
  const { refreshId, url } = await aMixedRefresh();
  const advice = 'Your server has no document for these tokens: publish it, or check the metadata URL and the ids.';

  const asJson = await json('refresh', 'show', '--refresh', refreshId);
  const asText = await run('refresh', 'show', '--refresh', refreshId);

  expect(asJson).toMatchObject({
    status: 'completed',
    trigger: 'api',
    succeeded: 3,
    failed: 1,
    verdicts: { updated: 2, unchanged: 1, superseded: 0, failed: 1, cancelled: 0 },
    progress: null,
    failures: [
      {
        error_code: 'invalid_response_status_code',
        reason: 'status_404',
        tokens: 1,
        example: { token_id: '4', url: `${url}/4`, status: 404 },
        advice,
      },
    ],
  });
  expect(asText).toMatchObject({ status: 0, err: '' });
  expect(asText.out.slice(asText.out.indexOf('verdicts:')).trimEnd().split('\n')).toEqual([
    'verdicts: updated 2, unchanged 1, failed 1',
    `failed as invalid_response_status_code, status_404: 1, such as token 4 at ${url}/4, status 404`,
    `  ${advice}`,
    `What changed in each token: refresh tokens --refresh ${refreshId} --verdict updated`,
    `Each token that failed: refresh tokens --refresh ${refreshId} --verdict failed`,
    `To refresh these again: refresh retry --refresh ${refreshId}`,
  ]);
});

it.each(['tokens', 'show'])('refresh %s succeeds when nobody reads its output any more', async (subcommand) => {
  const { refreshId } = await aMixedRefresh();
  const command = start('refresh', subcommand, '--refresh', refreshId);

  command.closeOut();

  expect(await command.ended).toEqual({ status: 0, out: '', err: '' });
});

it('refresh tokens prints each token as a line, as one JSON object, as CSV and as NDJSON, and takes filters', async () => {
  const { refreshId, url } = await aMixedRefresh();
  const tokens = (...more: string[]) => run('refresh', 'tokens', '--refresh', refreshId, ...more);

  const [text, asJson, csv, ndjson] = [
    await tokens(),
    await tokens('--json', '--verdict', 'updated'),
    await tokens('--csv', '--reason', 'status_404'),
    await tokens('--ndjson', '--token', '2'),
  ];

  expect([text, asJson, csv, ndjson].map(({ status, err }) => ({ status, err }))).toEqual(
    Array.from({ length: 4 }, () => ({ status: 0, err: '' })),
  );
  expect(text.out.split('\n')).toEqual([
    'token 1: updated; version 1; changed name',
    'token 2: unchanged; version 1',
    'token 3: updated; version 2; changed name, attributes; added Level: 2; removed Level: 1',
    `token 4: failed; invalid_response_status_code, status_404; status 404; at ${url}/4`,
    '',
  ]);
  expect(JSON.parse(asJson.out)).toMatchObject({
    tokens: [
      { token_id: '1', verdict: 'updated', changed_fields: ['name'] },
      { token_id: '3', changed_fields: ['name', 'attributes'], traits_added: [{ trait_type: 'Level', value: '2' }] },
    ],
  });
  const [head, row, ...others] = parse(csv.out);
  expect(csv.out.startsWith('\uFEFFtoken_id,verdict,')).toBe(true);
  expect(Object.fromEntries(head!.map((name, column) => [name, row![column]]))).toMatchObject({
    token_id: '4',
    verdict: 'failed',
    reason: 'status_404',
    metadata_url: `${url}/4`,
  });
  expect(others).toEqual([]);
  expect(JSON.parse(ndjson.out)).toMatchObject({ token_id: '2', verdict: 'unchanged', metadata_version: 1 });
});

it('refresh tokens prints all tokens of a large refresh, in the order of their ids', async () => {
  const project = await test.aProject({ tokens: ids(2500), limits: { tokensPerRequest: 3000 } });
  const refreshId = await requestRefresh(test.app, project, ids(2500));

  const { status, out, err } = await start('refresh', 'tokens', '--refresh', refreshId, '--json').ended;

  const { tokens } = JSON.parse(out) as { tokens: unknown };
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect((tokens as { token_id: string }[]).map(({ token_id }) => token_id)).toEqual(ids(2500));
  await cancel(refreshId);
});

it('refresh tokens refuses filters that do not exist, two formats at once, and a refresh that does not exist', async () => {
  const tokens = (...more: string[]) => refused('refresh', 'tokens', '--refresh', '7', ...more);

  expect(await tokens('--verdict', 'fine')).toMatch(/Allowed choices are updated, .*pending/);
  expect(await tokens('--reason', 'because')).toMatch(/such as timeout or status_404/);
  expect(await tokens('--csv', '--json')).toMatch(/cannot be used with/);
  expect(await tokens('--json')).toMatch(/Refresh 7 does not exist/);
});

it('refresh watch prints the progress until the refresh is completed, then shows it, with status 1 if tokens failed', async () => {
  const project = await test.aProject({ tokens: ids(3) });
  test.metadataApi.respond('3', 404);
  const refreshId = await requestRefresh(test.app, project, ids(3));
  await json('refresh', 'pause', '--refresh', refreshId);

  const watch = start('refresh', 'watch', '--refresh', refreshId, '--json');
  await vi.waitUntil(() => watch.err().includes('was paused'), { timeout: 60_000, interval: 20 });
  await json('refresh', 'resume', '--refresh', refreshId);
  await test.worker.runOnce();
  const { status, out, err } = await watch.ended;

  expect(status).toBe(1);
  expect(JSON.parse(out)).toMatchObject({
    refresh_id: refreshId,
    status: 'completed',
    verdicts: { updated: 2, failed: 1 },
    failures: [{ reason: 'status_404', tokens: 1 }],
  });
  const lines = err.trim().split('\n');
  expect(lines.slice(0, 2)).toEqual([
    `waiting for refresh ${refreshId}`,
    expect.stringMatching(/^The refresh was paused at .*Z: its pending tokens wait until it is resumed\.$/),
  ]);
  expect(lines.at(-1)).toMatch(/^3\/3 tokens: 2 succeeded, 1 failed$/);
});

it('Ctrl-C ends the watching of a refresh, and the refresh goes on', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);

  const watch = start('refresh', 'watch', '--refresh', refreshId);
  await vi.waitUntil(() => watch.err().includes('waiting for'), { timeout: 60_000, interval: 20 });
  watch.signal('SIGINT');
  const { status, out, err } = await watch.ended;
  await test.worker.runOnce();

  expect({ status, out }).toEqual({ status: 130, out: '' });
  expect(err).toContain(`refresh ${refreshId} stays in the queue`);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed' });
});

it('the command line pauses, resumes, cancels and retries a refresh, and refuses what comes too late', async () => {
  const project = await test.aProject({ tokens: ids(3), limits: { tokensPerHour: 3 } });
  test.metadataApi.respond('2', 404).respond('3', 500);
  const id = await requestRefresh(test.app, project, ids(3));
  const named = ['--refresh', id];

  expect(await json('refresh', 'pause', ...named)).toMatchObject({
    refresh_id: id,
    status: 'queued',
    paused_at: expect.any(String) as string,
    pending: 3,
  });
  await test.worker.runOnce();
  expect(await json('refresh', 'resume', ...named)).toMatchObject({ paused_at: null, pending: 3 });
  await test.worker.runOnce();
  expect(await refused('refresh', 'pause', ...named)).toBe(
    `error: Refresh ${id} is completed: no token of it is pending.\n`,
  );

  const retry = await json('refresh', 'retry', ...named, '--reasons', 'status_404, status_410');
  expect(retry).toEqual({ refresh_id: expect.any(String) as string, tokens: 1 });
  const ofRetry = ['--refresh', String(retry['refresh_id'])];
  expect(await json('refresh', 'show', ...ofRetry)).toMatchObject({ trigger: 'retry', retry_of: id, pending: 1 });
  expect(await refused('refresh', 'cancel', ...ofRetry)).toMatch(
    /This cancels 1 refreshes with 1 pending tokens\. Confirm it with --yes/,
  );
  expect(await json('refresh', 'cancel', ...ofRetry, '--yes')).toEqual({ refreshes: 1, cancelled_tokens: 1 });
  expect(await refused('refresh', 'resume', ...ofRetry)).toMatch(/was cancelled/);
  expect(await json('refresh', 'list', '--project', project.id, '--triggers', 'retry')).toMatchObject({
    refreshes: [{ refresh_id: retry['refresh_id'], cancelled: 1 }],
  });
  expect(await refused('refresh', 'retry', ...named, '--reasons', 'tiemout')).toMatch(/"tiemout" is not a reason/);
});
