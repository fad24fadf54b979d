import { ChainWatcher } from '@app/chain-events';
import { EventDelivery, MetadataEvents, Webhooks, type CollectionMetadataChanged } from '@app/metadata-events';
import { CollectionRecords } from '@app/metadata-refresh';
import { Anvil } from '@app/testing';
import { CollectionProfiles, Collections } from '@app/token-store';
import { AbiCoder, Interface, type BaseContract } from 'ethers';
import { profileNamed } from './support/collection-names.js';
import { commandLine } from './support/command-line.js';
import { http } from './support/project-api.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { aWatchedCollection, follow, forgetWatches } from './support/watched-collection.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

vi.setConfig({ testTimeout: 60_000 });

let anvil: Anvil;
let node: RpcHost;
let receiver: WebhookReceiver;
let test: TestApp;
let cards: BaseContract;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  receiver = await WebhookReceiver.start();
  test = await startApp(
    { chainEvents: { enabled: true }, metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } } },
    { otherHosts: [node, receiver] },
  );
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
  await node.close();
  await anvil.stop();
});
beforeEach(async () => {
  cards = await anvil.deploy('AnnouncedCards');
});
afterEach(async () => {
  node.misbehaveAlways(undefined);
  await forgetWatches(test);
});

const { json, run } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: `${test.metadataApi.host},${node.host}`,
  RPC_URLS: `${anvil.chainId}=${node.url}`,
}));

const COLLABORATOR = '0x00000000219ab540356cBB839Cbe05303d7705Fa';
const DOCUMENT = {
  name: 'Lighthouses',
  symbol: 'LIGHT',
  description: 'One for each coast.',
  image: 'ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/logo.png',
  banner_image: 'https://lighthouses.example/banner.png',
  featured_image: 'https://lighthouses.example/featured.png',
  external_link: 'https://lighthouses.example',
  collaborators: [COLLABORATOR],
  seller_fee: 1.5,
};
const uriOf = (name: string) => `${test.metadataApi.url}/${name}`;
const serve = (name: string, ...documents: object[]) =>
  test.metadataApi.script(name, ...documents.map((body) => ({ status: 200, body })));
const announce = (uri: string) => anvil.send(cards, 'setContractURI', uri);
const readAgain = async () => {
  await test.database.advance(60);
  await test.worker.runOnce();
};

async function readRecord({ collectionAddress }: TestProject): Promise<Record<string, unknown>> {
  const { body } = await http(test.app).get(`/v1/collections/${collectionAddress}/metadata`).expect(200);
  return body as Record<string, unknown>;
}

const requestRecord = (project: TestProject, apiKey = project.apiKey) =>
  http(test.app).post(`/v1/collections/${project.collectionAddress}/refresh`).set('x-api-key', apiKey);

/** A collection whose contract is not watched. */
const aCollection = async (contract: BaseContract, tokens: string[] = []) =>
  test.aProject({
    tokens,
    metadataUrl: `${test.metadataApi.url}/tokens`,
    contract: { chainId: anvil.chainId, address: await contract.getAddress() },
  });

it('ContractURIUpdated refreshes the record of the collection, and no token [N13]', async () => {
  const project = await aWatchedCollection(test, anvil, cards, { tokens: ['1', '2'] });
  await follow(test);
  serve('lighthouses', DOCUMENT);

  await announce(uriOf('lighthouses'));
  await follow(test, 60);

  expect([...test.metadataApi.hits]).toEqual([['lighthouses', 1]]);
  const { changed_at, last_attempt_at, owner, image, ...record } = await readRecord(project);
  expect(record).toEqual({
    chain_id: anvil.chainId,
    collection_address: project.collectionAddress,
    standard: 'erc721',
    name: 'Lighthouses',
    symbol: 'LIGHT',
    description: 'One for each coast.',
    banner_image: 'https://lighthouses.example/banner.png',
    featured_image: 'https://lighthouses.example/featured.png',
    external_link: 'https://lighthouses.example',
    collaborators: [COLLABORATOR.toLowerCase()],
    contract_uri: uriOf('lighthouses'),
    base_uri: null,
    source: 'contract',
    warnings: [],
    last_error: null,
    document: DOCUMENT,
  });
  expect(image).toMatch(/^https:\/\/.+logo\.png$/);
  expect(owner).toMatch(/^0x[0-9a-f]{40}$/);
  expect([changed_at, last_attempt_at]).toEqual([expect.any(String), expect.any(String)]);
});

it('when a collection is first watched, its record has what the contract says of itself', async () => {
  const project = await aWatchedCollection(test, anvil, cards);
  await test.worker.runOnce();

  expect(await readRecord(project)).toMatchObject({
    name: 'Cards',
    symbol: 'CARD',
    standard: 'erc721',
    owner: ((await cards.getFunction('owner')()) as string).toLowerCase(),
    contract_uri: null,
    document: null,
    last_error: null,
  });
});

it('an owner of another address is an event as well', async () => {
  const project = await aWatchedCollection(test, anvil, cards, {
    watch: { contractRefreshesTokens: true },
    tokens: ['1'],
  });
  await test.worker.runOnce();

  await anvil.send(cards, 'transferOwnership', COLLABORATOR);
  await follow(test, 60);

  expect(await readRecord(project)).toMatchObject({ owner: COLLABORATOR.toLowerCase() });
  expect([...test.metadataApi.hits]).toEqual([]);
});

it('a change in blocks that the chain drops is read again, and the record shows the truth of the chain', async () => {
  const project = await aWatchedCollection(test, anvil, cards);
  serve('before', { name: 'Before' });
  serve('orphaned', { name: 'Orphaned' });
  await announce(uriOf('before'));
  await follow(test, 60);
  await anvil.mine(3);
  await announce(uriOf('orphaned'));
  await anvil.mine(1);
  await follow(test, 60);
  expect(await readRecord(project)).toMatchObject({ name: 'Orphaned' });

  await anvil.reorganise(2);
  await follow(test, 60);
  await readAgain();

  expect(await readRecord(project)).toMatchObject({ name: 'Before' });
});

describe('what a failed read leaves', () => {
  it.each<[string, object, string]>([
    ['is away', { status: 404, body: 'gone' }, 'status_404'],
    ['is no JSON', { status: 200, body: '<html>' }, 'not_json'],
    ['says nothing', { status: 200, body: { name: '' } }, 'no_known_fields'],
    ['is an error message', { status: 200, body: { error: 'not found', name: 'NotFound' } }, 'no_known_fields'],
  ])('a document that %s leaves the record as it is, and says why', async (_, response, reason) => {
    const project = await aCollection(cards);
    await announce(uriOf('lighthouses'));
    test.metadataApi.script(
      'lighthouses',
      { status: 200, body: DOCUMENT },
      response as { status: number; body: object },
    );
    await requestRecord(project).expect(202);
    await test.worker.runOnce();
    const before = await readRecord(project);

    await requestRecord(project).expect(202);
    await readAgain();

    const { last_attempt_at: _attempt, ...after } = await readRecord(project);
    const { last_attempt_at: _before, ...expected } = before;
    expect(after).toEqual({ ...expected, last_error: reason });
  });

  it('a node that fails leaves the record as it is, and it is read as soon as the node works again', async () => {
    const project = await aCollection(cards);
    serve('lighthouses', DOCUMENT);
    await announce(uriOf('lighthouses'));
    node.misbehaveAlways({ status: 503 });
    await requestRecord(project).expect(202);
    await test.worker.runOnce();
    expect(await readRecord(project)).toMatchObject({ name: null, last_error: 'rpc_error' });

    node.misbehaveAlways(undefined);
    await readAgain();

    expect(await readRecord(project)).toMatchObject({ name: 'Lighthouses', last_error: null });
  });

  it('a host that throttles is asked again after its time', async () => {
    const project = await aCollection(cards);
    test.metadataApi.script(
      'lighthouses',
      { status: 429, body: '', headers: { 'retry-after': '30' } },
      { status: 200, body: DOCUMENT },
    );
    await announce(uriOf('lighthouses'));
    await requestRecord(project).expect(202);
    await test.worker.runOnce();
    expect(await readRecord(project)).toMatchObject({ name: 'Cards', last_error: 'status_429' });

    await test.database.advance(20);
    await test.worker.runOnce();
    expect(test.metadataApi.hits.get('lighthouses')).toBe(1);
    await test.database.advance(20);
    await test.worker.runOnce();

    expect(await readRecord(project)).toMatchObject({ name: 'Lighthouses', last_error: null });
  });

  it('fields that a new document leaves out are gone, and a missing name is that of the contract', async () => {
    const project = await aCollection(cards);
    serve('lighthouses', DOCUMENT, { description: 'Closed.' });
    await announce(uriOf('lighthouses'));
    await requestRecord(project).expect(202);
    await test.worker.runOnce();

    await requestRecord(project).expect(202);
    await readAgain();

    expect(await readRecord(project)).toMatchObject({
      name: 'Cards',
      symbol: 'CARD',
      description: 'Closed.',
      image: null,
      banner_image: null,
      collaborators: [],
    });
  });
});

describe('hostile contracts and documents', () => {
  const ABI = new Interface(['function name()', 'function symbol()', 'function owner()', 'function contractURI()']);
  const End = { silent: 0, returns: 1, reverts: 2, invalid: 3, endless: 4 };
  const text = (value: string) => AbiCoder.defaultAbiCoder().encode(['string'], [value]);

  async function aScriptedCollection(scripts: Record<string, [end: number, data?: string]>): Promise<TestProject> {
    const contract = await anvil.deploy('ScriptedContract');
    for (const [name, [end, data = '0x']] of Object.entries(scripts)) {
      await anvil.send(contract, 'script', ABI.encodeFunctionData(name, []), end, data);
    }
    const project = await aCollection(contract);
    await requestRecord(project).expect(202);
    await test.worker.runOnce();
    return project;
  }

  it('functions of a contract that return nothing usable are left out, and the others are read', async () => {
    const project = await aScriptedCollection({
      name: [End.endless],
      symbol: [End.returns, text('  \u0000S\u0000 ')],
      owner: [End.returns, `0x${'f'.repeat(64)}`],
      contractURI: [End.invalid],
    });

    expect(await readRecord(project)).toMatchObject({
      name: null,
      symbol: '\ufffdS\ufffd',
      owner: null,
      standard: null,
      contract_uri: null,
      last_error: null,
    });
  });

  it.each<[string, string]>([
    ['http://169.254.169.254/latest/meta-data', 'blocked_address'],
    ['http://localhost:1/x', 'blocked_address'],
    ['file:///etc/passwd', 'unsupported_scheme'],
    ['not a URI', 'invalid_uri'],
    ['data:application/json,[]', 'wrong_type'],
  ])('the contract URI %s is not followed', async (uri, reason) => {
    const project = await aScriptedCollection({ contractURI: [End.returns, text(uri)] });

    expect(await readRecord(project)).toMatchObject({ name: null, last_error: reason });
  });

  it('a document within the contract is read in every official form', async () => {
    const forms = [
      'data:application/json;utf8,{"name":"In\u00a0chain"}',
      'data:application/json;base64,eyJuYW1lIjoiSW7CoGNoYWluIn0=',
    ];
    for (const form of forms) {
      const project = await aScriptedCollection({ contractURI: [End.returns, text(form)] });
      expect(await readRecord(project)).toMatchObject({ name: 'In\u00a0chain', last_error: null });
    }
  });

  it('unsafe URLs of a document are dropped with a warning, and so are collaborators that are no addresses', async () => {
    const document = {
      name: 'Trap',
      image: 'javascript:alert(1)',
      banner_image: 'data:text/html,<script>',
      featured_image: 'http://127.0.0.1:9/x.png',
      collaborators: ['0x12', COLLABORATOR, 7],
    };
    const project = await aScriptedCollection({
      contractURI: [End.returns, text(`data:application/json,${encodeURIComponent(JSON.stringify(document))}`)],
    });

    expect(await readRecord(project)).toMatchObject({
      name: 'Trap',
      image: null,
      banner_image: null,
      featured_image: null,
      collaborators: [COLLABORATOR.toLowerCase()],
      warnings: ['private_featured_image', 'skipped_collaborator', 'unsafe_banner_image', 'unsafe_image'],
    });
  });

  it('an address without a contract has no record', async () => {
    const project = await test.aProject({ chainId: anvil.chainId });
    await requestRecord(project).expect(202);
    await test.worker.runOnce();

    expect(await readRecord(project)).toMatchObject({ name: null, source: null, last_error: 'no_contract' });
  });
});

describe('requests for the record', () => {
  it('a contract is read at most once a minute, however often it is requested', async () => {
    const project = await aCollection(cards);
    serve('lighthouses', DOCUMENT);
    await announce(uriOf('lighthouses'));

    for (let request = 0; request < 5; request += 1) {
      await requestRecord(project).expect(202);
      await test.worker.runOnce();
    }
    expect(test.metadataApi.hits.get('lighthouses')).toBe(1);
    await readAgain();
    await readAgain();

    expect(test.metadataApi.hits.get('lighthouses')).toBe(2);
  });

  it('only the project of the collection may request it, and only on a chain with a node', async () => {
    const project = await aCollection(cards);
    const stranger = await test.aProject();
    const elsewhere = await test.aProject({ chainId: 5 });

    await requestRecord(project, stranger.apiKey).expect(404);
    const { body } = await requestRecord(elsewhere).expect(400);
    await http(test.app).post(`/v1/collections/${project.collectionAddress}/refresh`).expect(401);
    await requestRecord(project).send({ all: true }).expect(400);

    expect(body).toMatchObject({ code: 'source_not_supported' });
  });

  it('the record has an ETag, and there is none of a collection that is not registered', async () => {
    const project = await aCollection(cards);
    const path = `/v1/collections/${project.collectionAddress}/metadata`;
    const { headers } = await http(test.app).get(path).expect(200);

    await http(test.app).get(path).set('if-none-match', headers['etag']!).expect(304);
    await http(test.app).get(`/v1/collections/${COLLABORATOR}/metadata`).expect(404);
    await http(test.app).post(path).expect(405);
  });

  it('cli collection refresh reads the contract at once, and ends with status 1 if it cannot', async () => {
    const project = await aCollection(cards);
    serve('lighthouses', DOCUMENT);
    await announce(uriOf('lighthouses'));
    const refresh = ['collection', 'refresh', '--collection', project.collectionAddress];

    expect(await json(...refresh)).toMatchObject({
      name: 'Lighthouses',
      symbol: 'LIGHT',
      standard: 'erc721',
      error: null,
    });
    test.metadataApi.respond('lighthouses', 404);
    const failed = await run(...refresh);

    expect(failed.status).toBe(1);
    expect(failed.out).toContain('name: Lighthouses');
    expect(failed.out).toContain('error: status_404');
    expect(await json('collection', 'show', '--collection', project.collectionAddress)).toMatchObject({
      name: 'Lighthouses',
      contract_uri: uriOf('lighthouses'),
    });
  });
});

describe('changes', () => {
  const events: CollectionMetadataChanged[] = [];
  const deliver = () => test.app.get(EventDelivery).runOnce();
  beforeAll(async () => {
    test.app
      .get(MetadataEvents)
      .on('collection.metadata.changed', 'records', (changes) => void events.push(...changes));
    await deliver();
  });
  beforeEach(async () => {
    await deliver();
    events.length = 0;
  });

  it('a change of the record is an event, with the fields that changed, and a read without a change is none', async () => {
    const project = await aCollection(cards);
    serve('lighthouses', DOCUMENT, DOCUMENT, { ...DOCUMENT, name: 'Beacons' }, { ...DOCUMENT, name: 'Beacons', x: 1 });
    await announce(uriOf('lighthouses'));
    const fieldsAfter = async () => {
      await test.app.get(CollectionRecords).readNow((await test.app.get(Collections).find(project.collectionId))!);
      await deliver();
      return events.splice(0).map(({ changedFields }) => changedFields.toSorted());
    };

    expect(await fieldsAfter()).toEqual([
      [
        'bannerImage',
        'collaborators',
        'contractUri',
        'description',
        'externalLink',
        'featuredImage',
        'image',
        'name',
        'owner',
        'standard',
        'symbol',
      ],
    ]);
    expect(await fieldsAfter()).toEqual([]);
    expect(await fieldsAfter()).toEqual([['name']]);
    expect(await fieldsAfter()).toEqual([[]]);
  });

  it('a webhook receives the change', async () => {
    const project = await aCollection(cards);
    await test.app
      .get(Webhooks)
      .add({ projectId: project.id, url: receiver.url('/records'), types: ['collection.metadata.changed'] });
    await requestRecord(project).expect(202);
    await test.worker.runOnce();

    await deliver();

    expect(JSON.parse(receiver.at('/records').at(-1)!.body)).toMatchObject({
      type: 'collection.metadata.changed',
      data: {
        collections: [
          {
            chain_id: anvil.chainId,
            collection_address: project.collectionAddress,
            source: 'contract',
            changed_fields: ['name', 'symbol', 'standard', 'owner'],
          },
        ],
      },
    });
  });

  it('pushed metadata stays if the policy of the collection says so; otherwise the later one counts', async () => {
    const project = await aCollection(cards);
    const [collections, records] = [test.app.get(Collections), test.app.get(CollectionRecords)];
    const find = async () => (await collections.find(project.collectionId))!;
    await records.push(project.collectionId, profileNamed('Pushed'));
    await deliver();
    expect(events.splice(0)).toMatchObject([{ source: 'pushed', changedFields: ['name'] }]);

    await collections.update(project.collectionId, { pushPolicy: 'push_wins' });
    await records.readNow(await find());
    expect(await readRecord(project)).toMatchObject({
      name: 'Pushed',
      symbol: null,
      source: 'pushed',
      standard: 'erc721',
    });

    await collections.update(project.collectionId, { pushPolicy: 'last_wins' });
    serve('lighthouses', DOCUMENT);
    await announce(uriOf('lighthouses'));
    await records.readNow(await find());
    expect(await readRecord(project)).toMatchObject({ name: 'Lighthouses', source: 'contract' });
  });

  it('readers and writers at the same time leave one record, and one event for each change', async () => {
    const project = await aCollection(cards);
    const collection = (await test.app.get(Collections).find(project.collectionId))!;
    const records = test.app.get(CollectionRecords);

    await Promise.all(Array.from({ length: 8 }, () => records.readNow(collection)));
    await deliver();

    expect(events).toHaveLength(1);
    expect(await test.app.get(CollectionProfiles).find([project.collectionId])).toHaveLength(1);
  });
});

it('a collection that is removed while its record is read leaves nothing', async () => {
  const project = await aWatchedCollection(test, anvil, cards);
  await announce(uriOf('lighthouses'));
  await test.app.get(ChainWatcher).runOnce();
  test.metadataApi.script('lighthouses', {
    status: 200,
    body: DOCUMENT,
    before: async () => void (await test.app.get(Collections).remove(project.collectionId)),
  });

  await test.database.advance(60);
  await test.worker.runOnce();

  expect(
    await test.database.query('select from nft_metadata.collection_refreshes where collection_id = $1', [
      project.collectionId,
    ]),
  ).toEqual([]);
});
