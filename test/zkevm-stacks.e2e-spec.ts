import { randomUUID } from 'node:crypto';
import type { Types } from '@imtbl/blockchain-data';
import { RefreshRetention } from '@app/metadata-refresh';
import { Collections, TokenStore } from '@app/token-store';
import { Client } from 'pg';
import { untilLockWaits } from './support/lock-waits.js';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { addCollection, anItem, aTestnetProject, TESTNET, TESTNET_ID } from './support/pushed-metadata.js';
import { expectExactCounts } from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ZkevmClients } from './support/zkevm-client.js';

let test: TestApp;
let clients: ZkevmClients;
beforeAll(async () => {
  test = await startApp();
  await test.app.listen(0, '127.0.0.1');
  clients = await ZkevmClients.of(await test.app.getUrl());
});
afterEach(() => {
  test.metadataApi.forgetScripts();
  return expectExactCounts(test);
});
afterAll(() => test.stop());

/** What the tests read of them. The types of the client are not complete. */
interface Nft {
  token_id: string;
  name: string | null;
  metadata_id: string | null;
  metadata_synced_at: string | null;
  updated_at: string;
}
interface Metadata {
  id: string;
  name: string | null;
  created_at: string;
  updated_at: string;
}
interface Page {
  result: Metadata[];
  page: { previous_cursor: string | null; next_cursor: string | null };
}

const of = ({ collectionAddress }: Pick<TestProject, 'collectionAddress'>) => ({
  chainName: TESTNET,
  contractAddress: collectionAddress,
});

const readNft = async (project: TestProject, tokenId = '1') => {
  const { result } = await clients.with().getNFT({ ...of(project), tokenId });
  return result as Nft;
};

const metadataIdOf = async (project: TestProject, tokenId = '1') => (await readNft(project, tokenId)).metadata_id!;

/** Pushes by token: each of the ids gets the metadata of its name. */
const pushTokens = (project: TestProject, names: Readonly<Record<string, string>>) => {
  const nft_metadata = Object.entries(names).map(([token_id, name]) => anItem(name, { token_id }));
  return clients.with(project.apiKey).refreshNFTMetadata({
    ...of(project),
    refreshNFTMetadataByTokenIDRequest: { nft_metadata: nft_metadata as never },
  });
};

const aStackItem = (metadata_id: string, name: string, fields: object = {}) => {
  const { token_id: _, ...item } = anItem(name);
  return { metadata_id, ...item, ...fields } as unknown as Types.RefreshMetadataByID;
};

const pushStacks = (project: TestProject, ...metadata: Types.RefreshMetadataByID[]) =>
  clients.with(project.apiKey).refreshStackedMetadata({ ...of(project), refreshMetadataByIDRequest: { metadata } });

const namesOf = async (project: TestProject, ...tokenIds: string[]) =>
  (await Promise.all(tokenIds.map((tokenId) => readNft(project, tokenId)))).map(({ name }) => name);

const stacksOf = async (stackId: string[], chainName = TESTNET) =>
  (await clients.with().listStacks({ chainName, stackId })) as { stack_count: number }[];

const listMetadata = async (query: {
  chainName: string;
  contractAddress: string;
  pageSize?: number;
  pageCursor?: string;
}) => (await clients.with().listNFTMetadataByContractAddress(query)) as Page;

const listMetadataOnChain = async (query: {
  chainName: string;
  pageSize?: number;
  pageCursor?: string;
  fromUpdatedAt?: string;
}) => (await clients.with().listNFTMetadataByChain(query)) as Page;

const remaining = async (project: TestProject): Promise<number> => {
  const { body } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  return (body as { tokens_per_hour: { remaining: number } }).tokens_per_hour.remaining;
};

const pathOf = ({ collectionAddress }: TestProject) => `/v1/chains/${TESTNET}/collections/${collectionAddress}`;

describe('stacks of the zkEVM API', () => {
  it('the published client of Immutable zkEVM pushes to the id that tokens share, which stays, and reads how many they are [Z49]', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword', 2: 'Sword', 3: 'Shield' });
    const id = await metadataIdOf(project);
    const before = (await clients.with().getMetadata({ ...of(project), metadataId: id })).result as Metadata;
    await test.database.advance(60);

    const limits = await pushStacks(
      project,
      aStackItem(id, 'Axe', { attributes: [{ trait_type: 'Kind', value: 'Axe' }] }),
    );

    const [first, second, third] = (await Promise.all(['1', '2', '3'].map((tokenId) => readNft(project, tokenId)))) as [
      Nft,
      Nft,
      Nft,
    ];
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect([first, second].map(({ name, metadata_id }) => [name, metadata_id])).toEqual([
      ['Axe', id],
      ['Axe', id],
    ]);
    expect(third).toMatchObject({ name: 'Shield' });
    expect(third.metadata_id).not.toBe(id);
    expect(limits).toMatchObject({ imx_remaining_refreshes: '29996', retry_after: '0' });
    const shown = {
      chain: { id: 'eip155:13473', name: TESTNET },
      contract_address: project.collectionAddress,
      created_at: before.created_at,
      updated_at: first.updated_at,
      name: 'Axe',
      description: 'About Axe',
      image: 'https://cdn.example/Axe.png',
      external_url: 'https://game.example/1',
      animation_url: null,
      youtube_url: null,
      attributes: [{ trait_type: 'Kind', value: 'Axe', display_type: null }],
    };
    expect(before).toMatchObject({ name: 'Sword', updated_at: before.created_at });
    expect((await clients.with().getMetadata({ ...of(project), metadataId: id })).result).toEqual({ id, ...shown });
    expect(await stacksOf([id])).toEqual([
      {
        stack: { stack_id: id, contract_type: 'ERC721', ...shown },
        stack_count: 2,
        market: null,
        listings: [],
        bids: [],
      },
    ]);
  });

  it('a push to a stack has a receipt with a verdict for each token, a version of each, and one event with all [Z49]', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword', 2: 'Sword' });
    const id = await metadataIdOf(project);
    const { body, headers } = await http(test.app)
      .post(`${pathOf(project)}/metadata/refresh-metadata`)
      .set('x-immutable-api-key', project.apiKey)
      .send({ metadata: [aStackItem(id, 'Axe')] })
      .expect(202);

    const { refresh_id: refreshId, ...limits } = body as Record<string, string>;
    expect(limits).toMatchObject({ imx_refreshes_limit: '30000', imx_remaining_refreshes: '29997' });
    for (const [name, value] of Object.entries(limits)) expect(headers[name.replaceAll('_', '-')]).toBe(value);
    expect(await readRefresh(test.app, project, refreshId!)).toMatchObject({
      status: 'completed',
      trigger: 'push',
      summary: { succeeded: 2, failed: 0, pending: 0 },
      verdicts: { updated: 2, unchanged: 0 },
    });
    const versions = await http(test.app)
      .get(`/v1/collections/${project.collectionAddress}/tokens/2/versions?chain_id=${TESTNET_ID}`)
      .expect(200);
    expect(versions.body).toMatchObject({
      result: [{ version: 2, refresh_id: refreshId, trigger: 'push' }, { version: 1 }],
    });
    const events = await test.database.query<{ changes: { tokenId: string; source: string; refreshIds: string[] }[] }>(
      `select changes from nft_metadata.event_outbox where changes::text like '%' || $1 || '%' order by id`,
      [project.collectionId],
    );
    expect(events.at(-1)!.changes).toMatchObject(
      ['1', '2'].map((tokenId) => ({
        tokenId,
        source: 'pushed',
        changedFields: expect.anything() as unknown,
        refreshIds: [],
      })),
    );
    const document = await test.app
      .get(TokenStore)
      .findTokenWithDocument({ collectionId: project.collectionId, tokenId: '2' });
    expect(JSON.parse(document!.document!)).not.toHaveProperty('metadata_id');
    expect(await test.app.get(TokenStore).listTraits({ collectionId: project.collectionId })).toMatchObject([
      { traitType: 'Kind', values: [{ value: 'Axe', tokenCount: 2 }] },
    ]);

    await pushStacks(project, aStackItem(id, 'Axe'));
    expect((await readNft(project)).metadata_id).toBe(id);
    expect(
      await test.database.query(`select from nft_metadata.event_outbox where changes::text like '%' || $1 || '%'`, [
        project.collectionId,
      ]),
    ).toHaveLength(events.length);
  });

  it('a token that is pushed to the content of a stack gets its metadata id, and new content gets a new one [Z50]', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword', 2: 'Sword', 3: 'Shield' });
    const [sword, shield] = [await metadataIdOf(project), await metadataIdOf(project, '3')];

    await pushTokens(project, { 1: 'Shield' });
    const moved = await metadataIdOf(project);
    await pushTokens(project, { 2: 'Helmet' });

    expect(moved).toBe(shield);
    expect((await stacksOf([shield])).map(({ stack_count }) => stack_count)).toEqual([2]);
    expect([sword, shield]).not.toContain(await metadataIdOf(project, '2'));
    // No token has it any more.
    expect(await stacksOf([sword])).toEqual([]);
    const { code } = await clients.errorOf(clients.with().getMetadata({ ...of(project), metadataId: sword }));
    expect(code).toBe('RESOURCE_NOT_FOUND');
  });

  it('the published client of Immutable zkEVM learns which metadata ids are unknown or malformed, and what is too much [Z51]', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword' });
    const known = await metadataIdOf(project);
    const unknown = '018cf196-26da-1028-707e-3bb23550992b';
    const left = await remaining(project);

    const missing = await clients.errorOf(pushStacks(project, aStackItem(known, 'Axe'), aStackItem(unknown, 'Axe')));
    const malformed = await clients.errorOf(pushStacks(project, aStackItem('1', 'Axe')));
    const eleven = Array.from({ length: 11 }, () => aStackItem(randomUUID(), 'Axe'));
    const tooMany = await clients.errorOf(pushStacks(project, ...eleven));

    expect([missing.code, missing.details]).toEqual(['RESOURCE_NOT_FOUND', { metadata_ids: [unknown] }]);
    expect([malformed.code, malformed.details]).toEqual([
      'VALIDATION_ERROR',
      { errors: [{ path: '/metadata/0/metadata_id', rule: `must be a UUID, such as ${unknown}` }] },
    ]);
    expect(tooMany.code).toBe('VALIDATION_ERROR');
    expect(await remaining(project)).toBe(left);
    expect(await namesOf(project, '1')).toEqual(['Sword']);
    const reads = [
      ['RESOURCE_NOT_FOUND', () => clients.with().getMetadata({ ...of(project), metadataId: unknown })],
      ['VALIDATION_ERROR', () => clients.with().getMetadata({ ...of(project), metadataId: '1' })],
      ['VALIDATION_ERROR', () => stacksOf(Array.from({ length: 21 }, () => randomUUID()))],
      ['VALIDATION_ERROR', () => stacksOf([])],
      ['VALIDATION_ERROR', () => stacksOf(['1'])],
      ['RESOURCE_NOT_FOUND', () => stacksOf([known], 'nope')],
    ] as const;
    for (const [code, read] of reads) expect((await clients.errorOf(read())).code).toBe(code);
    expect(await stacksOf([unknown, known.toUpperCase()])).toHaveLength(1);
    expect(await stacksOf([known], 'imtbl-zkevm-mainnet')).toEqual([]);
  });

  it('a push to a stack needs the key of the project that owns the collection', async () => {
    const [project, other] = [await aTestnetProject(test), await aTestnetProject(test)];
    await pushTokens(project, { 1: 'Sword' });
    const id = await metadataIdOf(project);
    const request = { ...of(project), refreshMetadataByIDRequest: { metadata: [aStackItem(id, 'Axe')] } };

    const codes = [];
    for (const key of [undefined, other.apiKey]) {
      codes.push((await clients.errorOf(clients.with(key).refreshStackedMetadata(request))).code);
    }
    // The id is that of another collection.
    codes.push((await clients.errorOf(pushStacks(other, aStackItem(id, 'Axe')))).code);

    expect(codes).toEqual(['UNAUTHORISED_REQUEST', 'AUTHENTICATION_ERROR', 'RESOURCE_NOT_FOUND']);
    expect(await namesOf(project, '1')).toEqual(['Sword']);
  });

  it('a token whose content changes in another way leaves its stack, and a push to the stack does not reach it', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword', 2: 'Sword', 3: 'Sword' });
    const id = await metadataIdOf(project);
    test.metadataApi.respond('1', 200, { name: 'Fetched' });
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    await test.app.get(TokenStore).removeTokens(project.collectionId, ['3']);

    expect(await metadataIdOf(project)).toBeNull();
    expect((await stacksOf([id]))[0]!.stack_count).toBe(1);
    await pushStacks(project, aStackItem(id, 'Axe'));

    expect(await namesOf(project, '1', '2')).toEqual(['Fetched', 'Axe']);
  });

  it('a stack keeps its id even if its new content is that of another stack, and tokens that are pushed with that content get the older id', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword' });
    await pushTokens(project, { 2: 'Shield' });
    const [sword, shield] = [await metadataIdOf(project), await metadataIdOf(project, '2')];

    await pushStacks(project, aStackItem(shield, 'Sword'));
    await pushTokens(project, { 2: 'Sword', 3: 'Sword' });

    expect(await namesOf(project, '1', '2')).toEqual(['Sword', 'Sword']);
    expect(await Promise.all(['1', '2', '3'].map((id) => metadataIdOf(project, id)))).toEqual([sword, shield, sword]);
  });

  it('an item of a stack must have all seven fields and something to show, as one of a token', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword' });
    const id = await metadataIdOf(project);
    const { image: _, ...incomplete } = aStackItem(id, 'Axe') as unknown as Record<string, unknown>;
    const nothing = { name: null, description: '', image: null, external_url: null, attributes: [] };

    const missing = await clients.errorOf(pushStacks(project, incomplete as never));
    const empty = await clients.errorOf(pushStacks(project, aStackItem(id, 'Axe', nothing)));
    const rounded = await http(test.app)
      .post(`${pathOf(project)}/metadata/refresh-metadata`)
      .set('x-immutable-api-key', project.apiKey)
      .set('content-type', 'application/json')
      .send(JSON.stringify({ metadata: [aStackItem(id, 'Axe', { power: 0 })] }).replace('"power":0', '"power":1e999'));

    expect(missing.details).toEqual({
      errors: [{ path: '/metadata/0/image', rule: 'is missing: send null to take its value away' }],
    });
    expect([empty.code, empty.details]).toEqual(['VALIDATION_ERROR', { metadata_ids: [id] }]);
    expect([rounded.status, rounded.body]).toEqual([
      400,
      expect.objectContaining({ details: { errors: [expect.objectContaining({ path: '/metadata/0/power' })] } }),
    ]);
    expect(await namesOf(project, '1')).toEqual(['Sword']);
  });

  it('ten items of 15 kB are accepted, although other bodies may have 100 kB only', async () => {
    const project = await aTestnetProject(test, { tokens: Array.from({ length: 10 }, (_, id) => String(id)) });
    await pushTokens(project, Object.fromEntries(Array.from({ length: 10 }, (_, id) => [id, `Sword ${id}`])));
    const { result: stacks } = await listMetadata(of(project));

    await pushStacks(
      project,
      ...stacks.map(({ id }, index) => aStackItem(id, `Axe ${index}`, { description: 'd'.repeat(15_000) })),
    );

    const names = await namesOf(project, ...Array.from({ length: 10 }, (_, id) => String(id)));
    expect(new Set(names)).toEqual(new Set(Array.from({ length: 10 }, (_, id) => `Axe ${id}`)));
  });

  it('the published client of Immutable zkEVM walks the metadata of a collection in both directions, and of a chain', async () => {
    const owner = await test.aProject({ chainId: 779, tokens: ['1', '2', '3', '4'] });
    const second = { ...owner, collectionAddress: `0x${'c'.repeat(40)}` };
    await addCollection(test, owner, { chainId: 779, address: second.collectionAddress, tokens: ['1'] });
    const chainName = 'eip155:779';
    const push = (contractAddress: string, names: string[]) =>
      clients.with(owner.apiKey).refreshNFTMetadata({
        chainName,
        contractAddress,
        refreshNFTMetadataByTokenIDRequest: {
          nft_metadata: names.map((name, index) => anItem(name, { token_id: String(index + 1) })) as never,
        },
      });
    await push(owner.collectionAddress, ['One', 'Two', 'Two', 'Four']);
    await test.database.advance(60);
    await push(second.collectionAddress, ['One']);
    const page = (pageCursor?: string) =>
      listMetadata({
        chainName,
        contractAddress: owner.collectionAddress,
        pageSize: 2,
        ...(pageCursor !== undefined && { pageCursor }),
      });

    const first = await page();
    const last = await page(first.page.next_cursor!);
    const back = await page(last.page.previous_cursor!);
    const onChain = await listMetadataOnChain({ chainName, pageSize: 3 });
    const rest = await listMetadataOnChain({ chainName, pageSize: 3, pageCursor: onChain.page.next_cursor! });

    const listed = [...first.result, ...last.result];
    expect(listed).toHaveLength(3);
    expect(new Set(listed.map(({ name }) => name))).toEqual(new Set(['Four', 'One', 'Two']));
    expect([first.page.previous_cursor, last.page.next_cursor]).toEqual([null, null]);
    expect(back.result).toEqual(first.result);
    expect([...onChain.result, ...rest.result]).toHaveLength(4);
    expect(rest.page.next_cursor).toBeNull();
    const [newest] = (await listMetadata({ chainName, contractAddress: second.collectionAddress })).result;
    const since = await listMetadataOnChain({ chainName, fromUpdatedAt: newest!.updated_at });
    expect(since.result).toEqual([newest]);
    const foreign = await http(test.app).get(`/v1/chains/${chainName}/nfts?page_cursor=${first.page.next_cursor}`);
    expect(foreign.status).toBe(400);
  });

  it('a push to a stack also reaches a token that joins the stack while it waits for another one', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword', 2: 'Shield' });
    const id = await metadataIdOf(project);
    const inTheWay = new Client({ connectionString: test.database.url });
    await inTheWay.connect();
    await inTheWay.query('begin');
    await inTheWay.query('select from nft_metadata.tokens where collection_id = $1 and token_id = 1 for update', [
      project.collectionId,
    ]);
    // Another process, because the pushes of a project wait for each other in one.
    const other = await test.anotherProcess();
    const { MetadataRefreshService } = await import('@app/metadata-refresh');

    const pushing = pushStacks(project, aStackItem(id, 'Axe'));
    await untilLockWaits(test.database);
    const { token_id: _, ...document } = anItem('Sword');
    await other.get(MetadataRefreshService).push(
      { id: project.id, tokensPerHour: null, tokensPerRequest: null },
      {
        chainId: TESTNET_ID,
        collectionAddress: project.collectionAddress,
        tokens: [{ tokenId: '2', document }],
      },
    );
    const joined = await readNft(project, '2');
    await inTheWay.query('commit');
    await inTheWay.end();
    await pushing;

    expect(joined).toMatchObject({ name: 'Sword', metadata_id: id });
    expect(await namesOf(project, '1', '2')).toEqual(['Axe', 'Axe']);
    expect((await stacksOf([id]))[0]!.stack_count).toBe(2);
  });

  it('a push to a stack of 1,200 tokens changes all of them at once', async () => {
    const tokens = Array.from({ length: 1200 }, (_, id) => String(id + 1));
    const project = await aTestnetProject(test, { tokens });
    for (let at = 0; at < tokens.length; at += 250) {
      await pushTokens(project, Object.fromEntries(tokens.slice(at, at + 250).map((id) => [id, 'Wood'])));
    }
    const id = await metadataIdOf(project);

    const body = (await pushStacks(project, aStackItem(id, 'Oak'))) as unknown as { refresh_id: string };

    const records = await test.app.get(TokenStore).listTokens({ collectionId: project.collectionId, limit: 1000 });
    expect(new Set(records.map(({ name, changedAt }) => `${name} ${changedAt!.toISOString()}`)).size).toBe(1);
    expect(await namesOf(project, '1200')).toEqual(['Oak']);
    expect((await stacksOf([id]))[0]!.stack_count).toBe(1200);
    expect(await readRefresh(test.app, project, body.refresh_id)).toMatchObject({ summary: { succeeded: 1200 } });
    expect(await test.app.get(TokenStore).listTraits({ collectionId: project.collectionId })).toMatchObject([
      { values: [{ value: 'Oak', tokenCount: 1200 }] },
    ]);
    // 1,200 tokens, and one stack.
    expect(await remaining(project)).toBe(30_000 - 1201);
  });

  it('a push to stacks of more than 100,000 tokens in all is refused, and nothing is written', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Wood' });
    const id = await metadataIdOf(project);
    // As 100,000 further pushes would have left them, but for their documents.
    await test.database.query(
      `with token as (
         insert into nft_metadata.tokens (collection_id, token_id, content_hash)
         select collection_id, number, content_hash from nft_metadata.tokens, generate_series(100, 100099) as number
         where collection_id = $1 and token_id = 1
         returning id
       )
       insert into nft_metadata.stack_tokens (id, stack_id) select id, $2 from token`,
      [project.collectionId, id],
    );

    const { code, message } = await clients.errorOf(pushStacks(project, aStackItem(id, 'Oak')));

    expect([code, message]).toEqual([
      'VALIDATION_ERROR',
      'A push may change the metadata of at most 100000 tokens; 100001 tokens have these metadata ids. Push to fewer ids, or by token id.',
    ]);
    expect(await namesOf(project, '1')).toEqual(['Wood']);
    expect((await stacksOf([id]))[0]!.stack_count).toBe(100_001);
  });

  it('stacks that no token is in any more are deleted by the retention, and the others stay', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword', 2: 'Sword', 3: 'Shield' });
    const sword = await metadataIdOf(project);
    await pushTokens(project, { 1: 'Axe', 3: 'Helmet' });
    const kept = new Set([sword, await metadataIdOf(project, '1'), await metadataIdOf(project, '3')]);

    const { stacks } = await test.app.get(RefreshRetention).deleteExpired();

    expect(stacks).toBeGreaterThanOrEqual(1);
    const rows = await test.database.query<{ id: string }>(
      'select id from nft_metadata.stacks where collection_id = $1',
      [project.collectionId],
    );
    expect(new Set(rows.map(({ id }) => id))).toEqual(kept);
    expect(await metadataIdOf(project, '2')).toBe(sword);
  });

  it('a collection with stacks can be removed', async () => {
    const project = await aTestnetProject(test);
    await pushTokens(project, { 1: 'Sword' });
    const id = await metadataIdOf(project);

    await test.app.get(Collections).remove(project.collectionId);

    expect(await stacksOf([id])).toEqual([]);
  });

  it('another method on the path of a push to stacks is 405, and reads of stacks need no key', async () => {
    const project = await aTestnetProject(test);

    const put = await http(test.app)
      .put(`${pathOf(project)}/metadata/refresh-metadata`)
      .send({});
    const read = await http(test.app)
      .get(`${pathOf(project)}/metadata`)
      .set('x-immutable-api-key', 'sk_imapik-wrong');
    const post = await http(test.app)
      .post(`${pathOf(project)}/metadata`)
      .send({});

    expect([put.status, put.headers['allow'], post.status, post.headers['allow']]).toEqual([405, 'POST', 405, 'GET']);
    expect([read.status, read.body]).toEqual([200, { result: [], page: { previous_cursor: null, next_cursor: null } }]);
  });
});

it('with missingKeys "keep", fields that an item of a stack does not have stay as they are', async () => {
  const keeping = await startApp({ refreshApi: { missingKeys: 'keep' } });
  try {
    const project = await aTestnetProject(keeping);
    const post = (path: string, body: object) =>
      http(keeping.app)
        .post(`${pathOf(project)}/${path}/refresh-metadata`)
        .set('x-immutable-api-key', project.apiKey)
        .send(body)
        .expect(202);
    const read = async (tokenId: string) =>
      (
        (
          await http(keeping.app)
            .get(`${pathOf(project)}/nfts/${tokenId}`)
            .expect(200)
        ).body as { result: Nft }
      ).result;
    await post('nfts', { nft_metadata: [anItem('Sword'), anItem('Sword', { token_id: '2' })] });
    const before = await read('1');

    await post('metadata', { metadata: [{ metadata_id: before.metadata_id, name: 'Axe' }] });

    const { updated_at: _, metadata_synced_at: __, name: ___, ...kept } = before;
    for (const tokenId of ['1', '2']) {
      expect(await read(tokenId)).toMatchObject({
        ...kept,
        indexed_at: expect.any(String) as string,
        token_id: tokenId,
        name: 'Axe',
      });
    }
  } finally {
    await keeping.stop();
  }
});
