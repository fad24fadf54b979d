import { Collections, TokenStore } from '@app/token-store';
import { Wallet } from 'ethers';
import { Listings } from '../src/listings/listings.js';
import { commandLine } from './support/command-line.js';
import { requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

let receiver: WebhookReceiver;
let test: TestApp;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  test = await startApp({}, { otherHosts: [receiver] });
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});

const { start, run, json, refused } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: `${test.metadataApi.host},${receiver.host}`,
}));

async function refreshAll(project: TestProject, ...tokenIds: string[]): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
}

it('the command line ends with status 1 when tokens failed, and says why, by reason, with one token for each', async () => {
  const { collectionAddress: address } = await test.aProject({ tokens: ['1', '2', '3', '4', '5', '6'] });
  const url = `${test.metadataApi.url}/${address}`;
  test.metadataApi.respond('2', 404, 'gone').respond('3', 404, 'gone').respond('4', 200, 'no JSON');
  const refresh = ['refresh', '--collection', address, '--tokens', '1-7', '--run-worker'];

  const asJson = await run(...refresh, '--json');
  const asText = await run(...refresh);

  for (const id of ['2', '3', '4']) test.metadataApi.respond(id, 200, { name: id });
  const { failures, ...counts } = JSON.parse(asJson.out) as Record<string, unknown>;
  expect(asJson.status).toBe(1);
  expect(counts).toMatchObject({ succeeded: 3, failed: 4 });
  expect(failures).toEqual([
    {
      error_code: 'invalid_response_status_code',
      reason: 'status_404',
      tokens: 2,
      example: { token_id: '2', url: `${url}/2`, status: 404 },
      advice: expect.stringMatching(/^(Your server|The marketplace|The document) .*\.$/) as string,
    },
    {
      error_code: 'token_not_found',
      reason: 'not_registered',
      tokens: 1,
      example: { token_id: '7', url: null, status: null },
      advice: expect.stringMatching(/^(Your server|The marketplace|The document) .*\.$/) as string,
    },
    {
      error_code: 'unable_to_decode_response',
      reason: 'invalid_json',
      tokens: 1,
      example: { token_id: '4', url: `${url}/4`, status: 200 },
      advice: expect.stringMatching(/^(Your server|The marketplace|The document) .*\.$/) as string,
    },
  ]);
  expect(asText.status).toBe(1);
  expect(asText.out).toContain('failed: 4\n');
  expect(asText.out).toContain(
    `failed as invalid_response_status_code, status_404: 2, such as token 2 at ${url}/2, status 404\n  Your server has no document for these tokens: publish it, or check the metadata URL and the ids.\n`,
  );
});

it('refresh --wait leaves the tokens to the service, whatever the shell of the command allows', async () => {
  const { collectionAddress } = await test.aProject({ tokens: ['1'] });
  const shell = commandLine(() => ({ DATABASE_URL: test.database.url }));

  const command = shell.start('refresh', '--collection', collectionAddress, '--tokens', '1', '--wait', '--json');
  await vi.waitUntil(() => command.err() !== '', { timeout: 60_000, interval: 20 });
  await test.worker.runOnce();
  const { status, out, err } = await command.ended;

  const { refresh_ids, ...counts } = JSON.parse(out) as { refresh_ids: string[] };
  expect(counts).toEqual({ succeeded: 1, failed: 0, failures: [] });
  expect(err).toBe(`waiting for refresh ${refresh_ids[0]}\n`);
  expect(status).toBe(0);
});

it('refresh --wait without a service says after 10 seconds what to do, and Ctrl-C ends only the wait', async () => {
  const project = await test.aProject({ tokens: ['1'] });

  const command = start('refresh', '--collection', project.collectionAddress, '--tokens', '1', '--wait');
  await vi.waitUntil(() => command.err().includes('no token was completed'), { timeout: 60_000, interval: 20 });
  command.signal('SIGINT');
  const { status, out, err } = await command.ended;

  const { refreshes } = await json('refresh', 'list', '--project', project.id);
  const [{ refresh_id: id } = {}] = refreshes as { refresh_id?: string }[];
  await test.worker.runOnce();
  expect({ status, out }).toEqual({ status: 130, out: '' });
  expect(err.trim().split('\n')).toEqual([
    `waiting for refresh ${id}`,
    'no token was completed for 10 seconds. Tokens may wait for a retry. If no service runs, start it, or add --run-worker (the settings of this shell apply then)',
    `refresh ${id} stays in the queue, and workers continue with it: "refresh show --refresh ${id}" shows its progress`,
  ]);
  expect(refreshes).toMatchObject([{ pending: 1, succeeded: 0, failed: 0 }]);
  expect(await json('refresh', 'show', '--refresh', String(id))).toMatchObject({ succeeded: 1, pending: 0 });
});

it('the command line requests a refresh that counts towards no limit of the project', async () => {
  const limits = { requestsPerSecond: 0, tokensPerRequest: 1, tokensPerHour: 1, tokensPerSelection: 1 };
  const project = await test.aProject({ tokens: ids(3), limits });
  const { collectionAddress: address } = project;

  const list = await json('refresh', '--collection', address, '--tokens', '1-3');
  const selection = await json('refresh', '--collection', address, '--all', '--low-priority');

  expect([list, selection]).toMatchObject([{ tokens: 3 }, { tokens: 3 }]);
  const rows = await test.database.query(
    `select trigger, selection, charged, priority from nft_metadata.refreshes as refresh
     join nft_metadata.refresh_chunks as chunk on chunk.refresh_id = refresh.id
     where project_id = $1 order by refresh.id`,
    [project.id],
  );
  expect(rows).toEqual([
    { trigger: 'cli', selection: null, charged: 0, priority: 0 },
    { trigger: 'cli', selection: { all: true }, charged: 0, priority: 3 },
  ]);
  expect(
    await test.database.query('select from nft_metadata.refresh_quotas where project_id = $1', [project.id]),
  ).toEqual([]);
});

it('the command line makes one refresh of a long range: of its registered tokens', async () => {
  const project = await test.aProject({ tokens: ['0', '7', '1500', '99999'] });
  const { collectionAddress: address } = project;

  const { refresh_ids, tokens } = await json('refresh', '--collection', address, '--tokens', '1-5000000,99999');

  expect(refresh_ids).toHaveLength(1);
  expect(tokens).toBe(3);
});

it('the command line selects tokens by status and by age, and estimates them first', async () => {
  const project = await test.aProject({ tokens: ids(4) });
  const { collectionAddress: address } = project;
  test.metadataApi.respond('2', 404);
  await refreshAll(project, '1', '2');
  test.metadataApi.respond('2', 200, { name: 'Two' });
  const all = ['refresh', '--collection', address, '--all'];

  expect(await json(...all, '--status', 'failed,stale')).toMatchObject({ tokens: 1 });
  expect(await json(...all, '--older-than', '7d', '--estimate')).toMatchObject({ tokens: 3 });
  expect(await json(...all, '--not-refreshed-since', '2100-01-01T00:00:00Z', '--estimate')).toEqual({
    tokens: 4,
    expected_seconds: 1,
  });
  const { refreshes } = await json('refresh', 'list', '--project', project.id);
  expect(refreshes).toHaveLength(2);
  expect(await refused(...all, '--status', 'stale')).toMatch(/No registered token of collection .* is selected/);
});

it.each([
  ['an unknown status', ['--all', '--status', 'ok'], /"ok" is not one of pending, stale, failed/],
  ['an age without a unit', ['--all', '--older-than', '7'], /minutes, hours or days: 30m, 12h, 7d/],
  ['a time without a zone', ['--all', '--not-refreshed-since', '2026-01-01T00:00:00'], /a time with its zone/],
  ['an age and a time', ['--all', '--older-than', '7d', '--not-refreshed-since', '2026-01-01T00:00:00Z'], /either/],
  ['a status of listed tokens', ['--tokens', '1', '--status', 'stale'], /narrow --all/],
  [
    'a wait for a refresh that begins later',
    ['--all', '--not-before', '2100-01-01T00:00:00Z', '--wait'],
    /leave out --wait/,
  ],
])('the command line refuses %s', async (_, options, message) => {
  expect(await refused('refresh', '--collection', `0x${'1'.repeat(40)}`, ...options)).toMatch(message);
});

it('the command line prints what was accepted when a later part of a long list with many gaps cannot be accepted', async () => {
  const project = await test.aProject({ tokens: ids(1200) });
  const oddIds = ids(1200).map((id) => String(Number(id) * 2 - 1));
  await test.database.query(`
    create function marketplace.full() returns trigger language plpgsql as $$ begin
      if exists (select from nft_metadata.refreshes where project_id = new.project_id) then
        raise exception 'the disk is full';
      end if;
      return new;
    end $$;
    create trigger full_after_one before insert on nft_metadata.refreshes for each row execute function marketplace.full()`);

  const refresh = ['refresh', '--collection', project.collectionAddress, '--tokens', oddIds.join()];
  const { status, out, err } = await run(...refresh, '--json');

  await test.database.query('drop function marketplace.full cascade');
  const { refreshes } = await json('refresh', 'list', '--project', project.id);
  expect({ status, err }).toEqual({ status: 1, err: 'error: the disk is full\n' });
  expect(refreshes).toMatchObject([{ pending: 600, failed: 400 }]);
  expect(JSON.parse(out)).toEqual({
    refresh_ids: [(refreshes as { refresh_id: string }[])[0]!.refresh_id],
    tokens: 1000,
  });
});

it('the command line says which host a refresh waits for, and until when, in show, list and while it waits', async () => {
  const project = await test.aProject({ tokens: ['71', '72'] });
  const throttled = { status: 429, body: '', headers: { 'retry-after': '3' } };
  for (const id of ['71', '72']) test.metadataApi.script(id, throttled, { status: 200, body: { name: id } });
  const cooldown = {
    cooldown_host: test.metadataApi.host,
    cooldown_until: expect.stringMatching(/^20\d\d-.*Z$/) as string,
  };

  await test.database.freezeTime();
  const refreshId = await refreshAll(project, '71');
  const shown = await json('refresh', 'show', '--refresh', refreshId);
  const listed = await json('refresh', 'list', '--project', project.id);
  await test.database.unfreezeTime();
  const waited = await run(
    'refresh',
    '--collection',
    project.collectionAddress,
    '--tokens',
    '71,72',
    '--run-worker',
    '--json',
  );

  expect(shown).toMatchObject(cooldown);
  expect(listed).toMatchObject({ refreshes: [cooldown] });
  expect(waited).toMatchObject({ status: 0 });
  expect(waited.err).toMatch(
    new RegExp(
      `^The host ${test.metadataApi.host} asked for a pause: the pending tokens are fetched after 20\\d\\d-\\S+Z\\.\n`,
      'm',
    ),
  );
  expect(await json('refresh', 'show', '--refresh', refreshId)).toMatchObject({ cooldown_host: null });
});

it('the command line lists, shows, changes and removes a project with all that belongs to it', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  const named = ['--project', project.id];
  await refreshAll(project, '1', '2', '3');
  const owner = Wallet.createRandom().address;

  expect(await json('project', 'update', ...named, '--name', 'Renamed', '--owner', owner)).toMatchObject({
    name: 'Renamed',
    owner: owner.toLowerCase(),
  });
  expect(await json('project', 'set-limits', ...named, '--requests-per-second', 'default')).toMatchObject({
    requests_per_second: 'default',
  });
  expect(await json('project', 'show', ...named)).toMatchObject({
    project_id: project.id,
    name: 'Renamed',
    requests_per_second: 'default',
    api_keys: 1,
    collections: 1,
    tokens: 3,
    refreshes: 1,
    pending_tokens: 0,
    webhooks: 0,
  });
  const { projects } = await json('project', 'list', '--limit', '1000');
  expect(projects).toContainEqual(expect.objectContaining({ project_id: project.id, name: 'Renamed' }));

  expect(await refused('project', 'remove', ...named)).toBe(
    `error: This removes project ${project.id} and what belongs to it: API keys: 1, collections: 1, tokens: 3, refreshes: 1, webhooks: 0. Confirm it with --yes.\n`,
  );
  expect(await json('project', 'remove', ...named, '--yes')).toEqual({
    removed: project.id,
    api_keys: 1,
    collections: 1,
    tokens: 3,
    refreshes: 1,
    webhooks: 0,
  });

  expect(await refused('project', 'show', ...named)).toMatch(/does not exist/);
  const [left] = await test.database.query<{ rows: string }>(
    `select (select count(*) from nft_metadata.api_keys where project_id = $1)
       + (select count(*) from nft_metadata.collections where project_id = $1)
       + (select count(*) from nft_metadata.refreshes where project_id = $1)
       + (select count(*) from nft_metadata.lanes where project_id = $1)
       + (select count(*) from nft_metadata.refresh_quotas where project_id = $1) as rows`,
    [project.id],
  );
  expect(Number(left!.rows)).toBe(0);
});

it('the command line lists API keys without their secrets, revoked ones too', async () => {
  const project = await test.aProject();
  await test.revokeApiKey(project);
  await json('api-key', 'create', '--project', project.id);

  const { api_keys } = await json('api-key', 'list', '--project', project.id);

  expect(api_keys).toEqual([
    {
      prefix: project.apiKey.split('_')[1],
      created_at: expect.any(String) as string,
      last_used_at: null,
      revoked_at: expect.any(String) as string,
    },
    expect.objectContaining({ revoked_at: null }),
  ]);
  expect(JSON.stringify(api_keys)).not.toContain(project.apiKey);
});

it('the command line lists, shows, moves and removes a collection, with what is for sale of it', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  const address = project.collectionAddress;
  const named = ['--collection', address.toUpperCase().replace('0X', '0x')];
  const url = `${test.metadataApi.url}/${address}`;
  const listing = { collectionId: project.collectionId, tokenId: '1', seller: address, price: '1', currency: 'ETH' };
  await test.app.get(Listings).putUp([listing]);

  expect(await json('collection', 'list', '--project', project.id)).toEqual({
    collections: [
      {
        collection_id: project.collectionId,
        project_id: project.id,
        chain_id: 1,
        address,
        source: 'metadata_api',
        metadata_url: url,
        uri_rule: null,
        push_policy: 'last_wins',
        host_concurrency: 'default',
        created_at: expect.any(String) as string,
      },
    ],
  });
  const update = ['collection', 'update', ...named];
  const moved = `${test.metadataApi.url}/moved`;
  expect(await json(...update, '--metadata-url', moved, '--host-concurrency', '3')).toMatchObject({
    metadata_url: moved,
    host_concurrency: 3,
  });
  expect(await json(...update, '--host-concurrency', 'default', '--source', 'chain')).toMatchObject({
    source: 'chain',
    metadata_url: null,
    host_concurrency: 'default',
  });
  expect(await json('collection', 'show', ...named)).toMatchObject({ source: 'chain', tokens: 3, pending_tokens: 0 });

  expect(await refused('collection', 'remove', ...named)).toBe(
    `error: This removes collection ${address} on chain 1 with 3 tokens, their metadata and traits. Refreshes stay readable until they expire. Confirm it with --yes.\n`,
  );
  expect(await json('collection', 'remove', ...named, '--yes')).toEqual({ removed: address, chain_id: 1, tokens: 3 });
  expect(await json('collection', 'list', '--project', project.id)).toEqual({ collections: [] });
  expect(await test.database.query('select from marketplace.listings')).toEqual([]);
  expect(await refused('collection', 'remove', ...named, '--yes')).toMatch(/is not registered/);
});

it('the command line completes a removal of a collection that was interrupted', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  await test.database.query('update nft_metadata.collections set removed_at = now() where id = $1', [
    project.collectionId,
  ]);
  const named = ['--collection', project.collectionAddress];

  expect(await refused('collection', 'show', ...named)).toMatch(/is not registered/);
  expect(await json('collection', 'remove', ...named, '--yes')).toMatchObject({ tokens: 2 });
});

it('the command line registers, lists, shows and removes tokens', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  const named = ['--collection', project.collectionAddress];
  await refreshAll(project, '1');

  expect(await json('token', 'register', ...named, '--tokens', '3-12')).toEqual({
    registered: 9,
    already_registered: 1,
  });
  expect(await json('token', 'list', ...named, '--limit', '2', '--after', '9')).toMatchObject({
    tokens: [{ token_id: '10' }, { token_id: '11', metadata_status: 'pending', name: null }],
  });
  expect(await json('token', 'show', ...named, '--token', '1')).toMatchObject({
    token_id: '1',
    metadata_status: 'ok',
    fail_count: 0,
  });
  expect(await refused('token', 'remove', ...named, '--tokens', '11-20')).toMatch(
    /removes up to 10 tokens .* Confirm it with --yes/,
  );
  expect(await json('token', 'remove', ...named, '--tokens', '11-20', '--yes')).toEqual({ removed: 2 });
  expect(await refused('token', 'show', ...named, '--token', '11')).toMatch(/Token 11 .* is not registered/);
});

it('the command line recounts traits, of all collections or of one, and says what was wrong', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const { collectionAddress: address, collectionId } = project;
  for (const id of ['1', '2'])
    test.metadataApi.respond(id, 200, { name: id, attributes: [{ trait_type: 'Lamp', value: 'Oil' }] });
  await refreshAll(project, '1', '2');
  await test.database.query('update nft_metadata.collection_traits set token_count = 9 where collection_id = $1', [
    collectionId,
  ]);
  await test.database.query('delete from nft_metadata.token_search where collection_id = $1 and token_id = 1', [
    collectionId,
  ]);

  const first = await json('traits', 'recount', '--collection', address);
  const second = await json('traits', 'recount');

  expect(first).toEqual({ collections: 1, traits: 1, corrected: 1, search_rows_repaired: 1 });
  expect(second).toMatchObject({ corrected: 0, search_rows_repaired: 0 });
});

it('the command line says which chains an address is registered on, and accepts --chain', async () => {
  const { id: projectId, collectionAddress: address } = await test.aProject();
  const source = { kind: 'metadata_api', url: 'https://polygon.example' } as const;
  await test.app.get(Collections).add({ chainId: 137, address, projectId, source });

  expect(await refused('collection', 'show', '--collection', address)).toMatch(
    /is registered on chains 1, 137: name one with --chain/,
  );
  expect(await json('collection', 'show', '--collection', address, '--chain', '137')).toMatchObject({
    metadata_url: 'https://polygon.example',
  });
});

it('the command line lists refreshes, shows one, cancels what is pending, and removes it; nothing that is pending is removed', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  const address = project.collectionAddress;
  const id = await requestRefresh(test.app, project, ['1', '2', '3']);

  expect(await json('refresh', 'list', '--project', project.id, '--pending')).toMatchObject({
    refreshes: [{ refresh_id: id, collection_address: address, status: 'queued', pending: 3 }],
  });
  for (const removal of [
    ['refresh', 'remove', '--refresh', id],
    ['collection', 'remove', '--collection', address],
    ['project', 'remove', '--project', project.id],
  ]) {
    expect(await refused(...removal, '--yes')).toMatch(
      /has 3 pending tokens: wait for them, or cancel them with "refresh cancel/,
    );
  }
  expect(await refused('refresh', 'cancel', '--collection', address)).toMatch(
    /This cancels 1 refreshes with 3 pending tokens\. Confirm it with --yes/,
  );
  expect(await json('refresh', 'cancel', '--collection', address, '--yes')).toEqual({
    refreshes: 1,
    cancelled_tokens: 3,
  });

  expect(await json('refresh', 'show', '--refresh', id)).toMatchObject({
    status: 'completed',
    failed: 0,
    cancelled: 3,
    pending: 0,
    failures: [],
  });
  const token = await test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId: '1' });
  expect(token).toMatchObject({ metadataStatus: 'pending', lastErrorCode: null });
  expect(await json('refresh', 'remove', '--refresh', id, '--yes')).toEqual({ removed: id });
  expect(await refused('refresh', 'show', '--refresh', id)).toMatch(/does not exist/);
});

it('the command line changes a webhook and tests it, with status 1 when the message is not accepted', async () => {
  const { id: project } = await test.aProject();
  const { webhook_id } = await json('webhook', 'add', '--project', project, '--url', receiver.url('/one'));
  const named = ['--webhook', String(webhook_id)];
  receiver.respond('/two', 204, 500);

  const update = ['--url', receiver.url('/two'), '--events', 'refresh.completed', '--triggers', 'api,event'];
  expect(await json('webhook', 'update', ...named, ...update)).toMatchObject({
    url: receiver.url('/two'),
    events: 'refresh.completed',
    triggers: 'api,event',
  });
  expect(await json('webhook', 'test', ...named)).toMatchObject({ status: 204, reason: null });
  const failed = await run('webhook', 'test', ...named, '--json');
  expect(failed.status).toBe(1);
  expect(JSON.parse(failed.out)).toMatchObject({ status: 500, reason: 'status_500' });
  expect(await refused('webhook', 'remove', ...named)).toMatch(/Confirm it with --yes/);
});
