import { Anvil, MetadataHost } from '@app/testing';
import { Wallet } from 'ethers';
import { commandLine } from './support/command-line.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startServiceProcess } from './support/service-process.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

const OWNER = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

let database: TestDatabase;
let metadataApi: MetadataHost;
/** Named in RPC_URLS while it is there. */
let node: Anvil | undefined;
let allowedHosts: string[];
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
  allowedHosts = [metadataApi.host];
});
afterEach(async () => {
  await node?.stop();
  node = undefined;
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

const {
  start,
  run: cli,
  json,
  refused,
} = commandLine(() => ({
  DATABASE_URL: database.url,
  FETCH_ALLOWED_HOSTS: [...allowedHosts, ...(node ? [new URL(node.url).host] : [])].join(),
  RPC_URLS: node ? `${node.chainId}=${node.url}` : '',
}));

it('the command line creates a project and refreshes all its tokens without a running service, in one refresh [H17]', async () => {
  const { project_id } = await json(
    'project',
    'create',
    '--name',
    'Studio',
    '--owner',
    OWNER,
    '--tokens-per-hour',
    '1',
  );
  const { api_key } = await json('api-key', 'create', '--project', String(project_id));
  expect(api_key).toMatch(/^nft_[0-9a-f]{12}_/);
  const address = `0x${'ab'.repeat(20)}`;
  const added = ['--address', address, '--metadata-url', metadataApi.url, '--tokens', '1-1200,5000'];
  expect(await json('collection', 'add', '--project', String(project_id), ...added)).toMatchObject({ tokens: 1201 });

  expect(await json('refresh', '--collection', address, '--all', '--run-worker')).toEqual({
    refresh_ids: [expect.any(String)],
    succeeded: 1201,
    failed: 0,
    failures: [],
  });
  expect(
    await database.query(
      'select count(*)::int as results, count(distinct token_id)::int as tokens from nft_metadata.refresh_results',
    ),
  ).toEqual([{ results: 1201, tokens: 1201 }]);

  const prefix = String(api_key).split('_')[1]!;
  expect(await json('api-key', 'revoke', '--project', String(project_id), '--prefix', prefix)).toEqual({
    revoked: prefix,
  });
  expect((await cli('api-key', 'revoke', '--project', String(project_id), '--prefix', prefix)).status).toBe(1);
});

it('the command line refreshes a collection on chain by its URI rule', async () => {
  node = await Anvil.start();
  const potions = await node.deploy('Potions');
  await node.send(potions, 'setUri', `${metadataApi.url}/potions`);
  const address = await potions.getAddress();
  const { project_id } = await json('project', 'create', '--name', 'Studio', '--owner', Wallet.createRandom().address);
  const collection = ['--project', String(project_id), '--address', address, '--chain', String(node.chainId)];
  const source = ['--source', 'chain', '--uri-rule', 'append_decimal', '--tokens', '101-120'];
  expect(await json('collection', 'add', ...collection, ...source)).toMatchObject({ tokens: 20 });

  expect(await json('refresh', '--collection', address, '--all', '--run-worker')).toMatchObject({
    succeeded: 20,
    failed: 0,
  });
  expect(metadataApi.trafficOf('/potions').hits).toBe(20);
});

it('the command line refreshes with the placeholders of a metadata URL, and refuses unknown placeholders (S3)', async () => {
  const address = `0x${'5e'.repeat(20)}`;
  const { project_id } = await json('project', 'create', '--name', 'Studio', '--owner', Wallet.createRandom().address);
  const collection = ['collection', 'add', '--project', String(project_id), '--address', address, '--tokens', '1-3'];

  const refused = await cli(...collection, '--metadata-url', `${metadataApi.url}/meta/{tokenId}`);
  await json(...collection, '--metadata-url', ` ${metadataApi.url}/templates/{address}/{id}?hex={id_hex64} `);
  const refreshed = await json('refresh', '--collection', address, '--all', '--run-worker');

  expect(refused.status).toBe(1);
  expect(refused.err).toContain('/meta/{tokenId}" has an unknown placeholder, {tokenId}. The placeholders are {id}');
  expect(refused.err.trim().split('\n')).toHaveLength(1);
  expect(refreshed).toMatchObject({ succeeded: 3, failed: 0 });
  expect(metadataApi.trafficOf(`/templates/${address}`).hits).toBe(3);
});

it('the command line reports a chain without an RPC URL', async () => {
  const address = `0x${'cd'.repeat(20)}`;
  const { project_id } = await json('project', 'create', '--name', 'Studio', '--owner', Wallet.createRandom().address);
  const collection = ['--project', String(project_id), '--address', address, '--chain', '137'];
  await json('collection', 'add', ...collection, '--source', 'chain', '--tokens', '1');

  const { status, err } = await cli('refresh', '--collection', address, '--all');

  expect(status).toBe(1);
  expect(err).toMatch(/on chain 137, for which this deployment has no RPC URL/);
});

it('the command line adds a webhook, rotates its secret, lists its deliveries, and removes it', async () => {
  const receiver = await WebhookReceiver.start();
  const owner = `0x${'d'.repeat(40)}`;
  const { project_id } = await json('project', 'create', '--name', 'Partner', '--owner', owner);
  const inside = ['--project', String(project_id), '--url', receiver.url('/hook')];
  const blocked = await cli('webhook', 'add', ...inside);
  expect(blocked).toMatchObject({
    status: 1,
    err: expect.stringContaining('is not allowed: blocked_address') as string,
  });
  allowedHosts = [metadataApi.host, receiver.host];

  const added = await json('webhook', 'add', ...inside, '--events', 'refresh.completed');
  const { secret } = await json('webhook', 'rotate-secret', '--webhook', String(added['webhook_id']));
  const address = `0x${'ce'.repeat(20)}`;
  await json(
    'collection',
    'add',
    '--project',
    String(project_id),
    '--address',
    address,
    '--metadata-url',
    metadataApi.url,
    '--tokens',
    '1',
  );
  await json('refresh', '--collection', address, '--all', '--run-worker');

  expect(added).toMatchObject({ secret: expect.stringMatching(/^whsec_/) as string });
  expect(secret).not.toBe(added['secret']);
  expect(await json('webhook', 'list', '--project', String(project_id))).toEqual({
    webhooks: [
      {
        webhook_id: added['webhook_id'],
        project_id,
        url: receiver.url('/hook'),
        events: 'refresh.completed',
        triggers: 'api,partner_api,cli,console,retry',
        disabled: null,
        failures: 0,
        failing_since: null,
        last_error: null,
      },
    ],
  });
  const service = await startServiceProcess({ database, metadataApi: { host: allowedHosts.join(',') } }, 'worker');
  await vi.waitUntil(() => receiver.messages.length === 1, { timeout: 20_000, interval: 20 });
  await service.end('SIGTERM');
  expect(await json('webhook', 'deliveries', '--webhook', String(added['webhook_id']))).toMatchObject({
    deliveries: [{ event_type: 'refresh.completed', events: 1, attempt: 1, status: 204, reason: null }],
  });
  expect(await json('webhook', 'enable', '--webhook', String(added['webhook_id']), '--skip-backlog')).toEqual({
    enabled: added['webhook_id'],
  });
  expect(await refused('webhook', 'remove', '--webhook', String(added['webhook_id']))).toMatch(/Confirm it with --yes/);
  expect(await json('webhook', 'remove', '--webhook', String(added['webhook_id']), '--yes')).toEqual({
    removed: added['webhook_id'],
  });
  expect(await cli('webhook', 'remove', '--webhook', String(added['webhook_id']), '--yes')).toMatchObject({
    status: 1,
  });
  await receiver.close();
});

it.each([
  ['a result', ['project', 'list', '--json']],
  ['help', ['--help']],
  ['an unknown command', ['projects']],
  ['an unknown collection', ['refresh', '--collection', OWNER, '--all']],
])(
  'the process of a command exits with its status, its results on stdout and its mistakes on stderr: %s',
  async (_, args) => {
    const ended = await start(...args).ended;

    expect(ended).toEqual(await cli(...args));
    expect(ended.status === 0 ? ended.err : ended.out).toBe('');
    expect(ended.status === 0 ? ended.out : ended.err).toMatch(/.\n$/);
  },
);

it('the command line prints all its help without a database', async () => {
  const help = await cli('--help');
  const groupHelp = await cli('help', 'collection');
  const commandHelp = await cli('collection', 'update', '--help');
  const refreshHelp = await cli('refresh', '--help');

  expect([help.status, groupHelp.status, commandHelp.status]).toEqual([0, 0, 0]);
  expect(help.out).toMatch(/^ {2}token {2,}tokens of a collection/m);
  expect(groupHelp.out).toMatch(/^ {2}remove \[options\] {2,}remove a collection/m);
  expect(commandHelp.out).toMatch(/--uri-rule <rule>/);
  for (const group of [
    'project',
    'api-key',
    'collection',
    'chain',
    'token',
    'refresh',
    'reveal',
    'traits',
    'webhook',
  ]) {
    // Each command of a group says what it does.
    expect((await cli('help', group)).out).not.toMatch(/^ {2}[a-z-]+(?: \[options\])?$/m);
  }
  for (const option of ['collection <', 'tokens <list>', 'all', 'wait', 'run-worker', 'json']) {
    expect(refreshHelp.out).toMatch(new RegExp(`^ {2}--${option}`, 'm'));
  }
});

it.each<[string, string[], RegExp]>([
  ['an unknown command', ['projects'], /unknown command/],
  ['a missing option', ['project', 'create', '--name', 'A'], /--owner/],
  ['an owner that is no address', ['project', 'create', '--name', 'A', '--owner', '0x1'], /is not an address/],
  ['an unknown project', ['api-key', 'create', '--project', 'nobody'], /does not exist/],
  [
    'no source',
    ['collection', 'add', '--project', 'p', '--address', OWNER],
    /--metadata-url, --source chain or --source pushed is missing/,
  ],
  [
    'two sources',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--source', 'chain', '--metadata-url', 'http://a'],
    /not both/,
  ],
  [
    'an unknown source',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--source', 'table'],
    /--source can be "chain" or "pushed"/,
  ],
  [
    'an unknown URI rule',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--source', 'chain', '--uri-rule', 'guess'],
    /--uri-rule must be one of standard, as_is, append_decimal, base_uri/,
  ],
  [
    'a URI rule for a Metadata API',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--metadata-url', 'http://a', '--uri-rule', 'as_is'],
    /--uri-rule is for --source chain/,
  ],
  [
    'tokens that are none',
    ['collection', 'add', '--project', 'p', '--address', OWNER, '--metadata-url', 'http://a', '--tokens', '1-x'],
    /not a token id/,
  ],
  ['an event that does not exist', ['webhook', 'add', '--project', 'p', '--url', 'u', '--events', 'x'], /Events are/],
  [
    'a trigger that does not exist',
    ['webhook', 'add', '--project', 'p', '--url', 'u', '--triggers', 'x'],
    /Triggers are api,/,
  ],
  ['an unknown webhook', ['webhook', 'enable', '--webhook', '7'], /Webhook "7" does not exist/],
  [
    'a secret that is kept for ever',
    ['webhook', 'rotate-secret', '--webhook', '7', '--keep-old-hours', '999999999999999'],
    /from 0 to 168/,
  ],
  [
    'a time that the database cannot read',
    ['refresh', '--collection', OWNER, '--all', '--not-refreshed-since', '0000-01-01T00:00:00Z'],
    /in the years 1 to 9999/,
  ],
  ['an unknown subcommand', ['collection', 'delete'], /unknown command 'delete'/],
  ['a list that is too long', ['project', 'list', '--limit', '1001'], /from 1 to 1000/],
  ['an update without a change', ['project', 'update', '--project', 'p'], /Name what to change/],
  ['limits without a limit', ['project', 'set-limits', '--project', 'p'], /Name what to change/],
  ['an unknown project to remove', ['project', 'remove', '--project', 'p', '--yes'], /does not exist/],
  ['an unknown refresh', ['refresh', 'show', '--refresh', '7'], /Refresh 7 does not exist/],
  ['no tokens to remove', ['token', 'remove', '--collection', OWNER, '--yes'], /Name the tokens/],
  ['two tokens where one is shown', ['token', 'show', '--collection', OWNER, '--token', '1-2'], /Name one token/],
  ['an update of a webhook without a change', ['webhook', 'update', '--webhook', '7'], /Name what to change/],
  ['an unknown collection', ['refresh', '--collection', OWNER, '--all'], /is not registered/],
])('the command line responds to %s with one line and status 1', async (_, args, message) => {
  const { status, out, err } = await cli(...args);

  expect(status).toBe(1);
  expect(out).toBe('');
  expect(err).toMatch(message);
  expect(err.trim().split('\n').length).toBeLessThanOrEqual(2);
});
