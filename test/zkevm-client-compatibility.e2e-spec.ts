import type { Types } from '@imtbl/blockchain-data';
import { getAddress } from 'ethers';
import { http } from './support/project-api.js';
import {
  addCollection,
  anItem,
  aTestnetProject,
  MAX_TOKEN_ID,
  TESTNET,
  TESTNET_ID,
} from './support/pushed-metadata.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ZkevmClients } from './support/zkevm-client.js';

type Push = Types.RefreshNFTMetadataByTokenIDRequestParams;
type Item = Push['refreshNFTMetadataByTokenIDRequest']['nft_metadata'][number];

let test: TestApp;
let clients: ZkevmClients;
beforeAll(async () => {
  test = await startApp({ refreshApi: { chainNames: { ethereum: 1 } } });
  await test.app.listen(0, '127.0.0.1');
  clients = await ZkevmClients.of(await test.app.getUrl());
});
afterAll(() => test.stop());

const clientOf = (apiKey?: string) => clients.with(apiKey);
const errorOf = (call: Promise<unknown>) => clients.errorOf(call);

const anItemFor = (name: string, fields: object = {}) => anItem(name, { ...fields }) as unknown as Item;

const pushOf = (
  project: Pick<TestProject, 'collectionAddress'>,
  items: Item[],
  { chainName = TESTNET, contractAddress = project.collectionAddress } = {},
): Push => ({ chainName, contractAddress, refreshNFTMetadataByTokenIDRequest: { nft_metadata: items } });

const push = (project: TestProject, ...items: Item[]) =>
  clientOf(project.apiKey).refreshNFTMetadata(pushOf(project, items));

const nftOf = (project: TestProject, tokenId = '1') => ({
  chainName: TESTNET,
  contractAddress: project.collectionAddress,
  tokenId,
});

const read = async (project: TestProject, tokenId = '1') => (await clientOf().getNFT(nftOf(project, tokenId))).result;

const idsOf = ({ result }: { result: { token_id: string }[] }) => result.map(({ token_id }) => token_id);

const remaining = async (project: TestProject): Promise<number> => {
  const { body } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  return (body as { tokens_per_hour: { remaining: number } }).tokens_per_hour.remaining;
};

async function expectNothingPushed(project: TestProject): Promise<void> {
  expect(await remaining(project)).toBe(30_000);
  expect((await read(project)).metadata_synced_at).toBeNull();
}

describe('the published client of Immutable zkEVM', () => {
  it('the published client of Immutable zkEVM pushes metadata, and gets four texts, the same as in the headers [Z1]', async () => {
    const project = await aTestnetProject(test);

    const limits = await push(project, anItemFor('Sword'));
    const { body, headers } = await http(test.app)
      .post(`/v1/chains/${TESTNET}/collections/${project.collectionAddress}/nfts/refresh-metadata`)
      .set('x-immutable-api-key', project.apiKey)
      .send({ nft_metadata: [anItem('Sword')] })
      .expect(202);

    expect(limits).toMatchObject({
      imx_refreshes_limit: '30000',
      imx_remaining_refreshes: '29999',
      imx_refresh_limit_reset: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      retry_after: '0',
      refresh_id: expect.any(String) as string,
    });
    const { refresh_id: _, ...four } = body as Record<string, string>;
    for (const [name, value] of Object.entries(four)) expect(headers[name.replaceAll('_', '-')]).toBe(value);
  });

  it('the published client of Immutable zkEVM reads what it has pushed at once, with every field of the format [Z2]', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItemFor('Sword'));

    const nft = await read(project);

    expect(nft).toEqual({
      chain: { id: 'eip155:13473', name: TESTNET },
      token_id: '1',
      contract_address: project.collectionAddress,
      contract_type: 'ERC721',
      indexed_at: expect.any(String) as string,
      updated_at: expect.any(String) as string,
      metadata_synced_at: expect.any(String) as string,
      metadata_id: expect.any(String) as string,
      name: 'Sword',
      description: 'About Sword',
      image: 'https://cdn.example/Sword.png',
      external_link: 'https://game.example/1',
      external_url: 'https://game.example/1',
      animation_url: null,
      youtube_url: null,
      attributes: [{ trait_type: 'Kind', value: 'Sword', display_type: null }],
      total_supply: null,
    });
    expect(nft.updated_at).toBe(nft.metadata_synced_at);
  });

  it('the published client of Immutable zkEVM pushes 250 items, and 251 are refused as a whole [Z4, V13]', async () => {
    const tokens = Array.from({ length: 251 }, (_, id) => String(id + 1));
    const project = await aTestnetProject(test, { tokens });
    const items = tokens.map((token_id) => anItemFor('Sword', { token_id }));

    const { code } = await errorOf(push(project, ...items));
    await expectNothingPushed(project);
    const limits = await push(project, ...items.slice(0, 250));

    expect(code).toBe('VALIDATION_ERROR');
    expect(limits.imx_remaining_refreshes).toBe('29750');
  });

  it('the published client of Immutable zkEVM learns which fields of an item are missing, five at most [Z6]', async () => {
    const project = await aTestnetProject(test);

    const { code, details } = await errorOf(push(project, { token_id: '1', name: 'Sword' } as Item));

    expect(code).toBe('VALIDATION_ERROR');
    const errors = details!['errors'] as { path: string }[];
    expect(errors).toHaveLength(5);
    expect(errors[0]!.path).toBe('/nft_metadata/0/description');
    await expectNothingPushed(project);
  });

  it('the published client of Immutable zkEVM learns which tokens are not registered, and nothing is written [Z18]', async () => {
    const project = await aTestnetProject(test);

    const { code, details } = await errorOf(push(project, anItemFor('One'), anItemFor('Nine', { token_id: '9' })));

    expect([code, details]).toEqual(['RESOURCE_NOT_FOUND', { token_ids: ['9'] }]);
    await expectNothingPushed(project);
  });

  it('the published client of Immutable zkEVM may spell an address in any case, and reads it in lower case [Z20]', async () => {
    const project = await aTestnetProject(test);
    const digits = project.collectionAddress.slice(2);
    const wrongChecksum = digits.replace(/^.{20}/, (half) => half.toUpperCase());
    const pushTo = (contractAddress: string) =>
      clientOf(project.apiKey).refreshNFTMetadata(pushOf(project, [anItemFor('Sword')], { contractAddress }));

    for (const spelling of [
      getAddress(`0x${digits}`),
      `0x${digits.toUpperCase()}`,
      `0x${wrongChecksum}`,
      `0x${digits}`,
    ]) {
      await pushTo(spelling);
    }
    expect((await read(project)).contract_address).toBe(project.collectionAddress);
    expect((await errorOf(pushTo(`0x${digits.slice(1)}`))).code).toBe('VALIDATION_ERROR');
    expect((await errorOf(pushTo(`0x${digits.slice(1)}g`))).code).toBe('VALIDATION_ERROR');
  });

  it('the published client of Immutable zkEVM names a chain by its name or as eip155:<id>; others are not found [Z21]', async () => {
    const project = await aTestnetProject(test);
    const pushOn = (chainName: string) =>
      clientOf(project.apiKey).refreshNFTMetadata(pushOf(project, [anItemFor('Sword')], { chainName }));

    expect((await errorOf(pushOn('imtbl-zkevm-mainnet'))).code).toBe('RESOURCE_NOT_FOUND');
    expect((await errorOf(pushOn('nope'))).code).toBe('RESOURCE_NOT_FOUND');
    await expect(pushOn('eip155:13473')).resolves.toMatchObject({ retry_after: '0' });
  });

  it('the published client of Immutable zkEVM is refused without a key of ours, and the key is in no response and no log [Z23]', async () => {
    const project = await aTestnetProject(test);
    const revoked = await aTestnetProject(test);
    await test.revokeApiKey(revoked);
    const unknown = `${project.apiKey.slice(0, -1)}${project.apiKey.endsWith('0') ? '1' : '0'}`;
    const keys = [unknown, revoked.apiKey, 'pk_imapik-test-abc', 'sk_imapik-test-abc'];
    const logged: unknown[] = [];
    const log = (...entry: unknown[]) => void logged.push(entry);
    test.app.useLogger({ log, error: log, warn: log, debug: log, verbose: log, fatal: log });
    onTestFinished(() => test.app.useLogger(false));

    const responses = [];
    for (const key of [undefined, ...keys]) {
      const error = await errorOf(clientOf(key).refreshNFTMetadata(pushOf(project, [anItemFor('Sword')])));
      expect(error.code).toBe('UNAUTHORISED_REQUEST');
      responses.push(error.message, error.details);
    }
    await push(project, anItemFor('Sword'));

    expect(logged.length).toBeGreaterThan(0);
    const text = JSON.stringify([responses, logged]);
    for (const key of [...keys, project.apiKey]) expect(text).not.toContain(key);
  });

  it('the published client of Immutable zkEVM gets 403 for another project’s collection, and 404 for none [Z25]', async () => {
    const [project, other] = [await aTestnetProject(test), await aTestnetProject(test)];

    const foreign = await errorOf(clientOf(other.apiKey).refreshNFTMetadata(pushOf(project, [anItemFor('Sword')])));
    const contractAddress = `0x${'9'.repeat(40)}`;
    const unknown = await errorOf(
      clientOf(other.apiKey).refreshNFTMetadata(pushOf(project, [anItemFor('Sword')], { contractAddress })),
    );

    expect([foreign.code, unknown.code]).toEqual(['AUTHENTICATION_ERROR', 'RESOURCE_NOT_FOUND']);
    await expectNothingPushed(project);
  });

  it('the published client of Immutable zkEVM learns from the sixth request of a second when to come back [Z26]', async () => {
    const project = await aTestnetProject(test, { limits: { requestsPerSecond: 5 } });
    await test.database.freezeTime();
    onTestFinished(() => test.database.unfreezeTime());
    for (let count = 0; count < 5; count += 1) await push(project, anItemFor(`Sword ${count}`));

    const { code, details } = await errorOf(push(project, anItemFor('Shield')));
    const { status, headers } = await http(test.app)
      .post(`/v1/chains/${TESTNET}/collections/${project.collectionAddress}/nfts/refresh-metadata`)
      .set('x-immutable-api-key', project.apiKey)
      .send({ nft_metadata: [anItem('Shield')] });

    expect(code).toBe('TOO_MANY_REQUESTS_ERROR');
    expect(details).toMatchObject({ retry_after: '1', imx_remaining_refreshes: '29995' });
    expect((await read(project)).name).toBe('Sword 4');
    expect([status, headers]).toEqual([
      429,
      expect.objectContaining({
        'retry-after': '1',
        'imx-refreshes-limit': '30000',
        'imx-remaining-refreshes': '29995',
        'imx-refresh-limit-reset': details!['imx_refresh_limit_reset'],
      }),
    ]);
  });

  it('the published client of Immutable zkEVM is refused as a whole when the quota has too few tokens left [Z27]', async () => {
    const project = await aTestnetProject(test, { limits: { tokensPerHour: 1 } });

    const { code, details } = await errorOf(push(project, anItemFor('One'), anItemFor('Two', { token_id: '2' })));

    expect(code).toBe('TOO_MANY_REQUESTS_ERROR');
    expect(details).toMatchObject({ imx_refreshes_limit: '1', imx_remaining_refreshes: '1' });
    expect((await read(project)).metadata_synced_at).toBeNull();
  });

  it('every error that the published client of Immutable zkEVM throws has our code, a link and a trace id [Z30]', async () => {
    const project = await aTestnetProject(test);
    const calls: [string, () => Promise<unknown>][] = [
      ['VALIDATION_ERROR', () => push(project)],
      ['UNAUTHORISED_REQUEST', () => clientOf().refreshNFTMetadata(pushOf(project, [anItemFor('Sword')]))],
      ['RESOURCE_NOT_FOUND', () => clientOf().getNFT(nftOf(project, '9'))],
      ['VALIDATION_ERROR', () => clientOf().getNFT(nftOf(project, 'x'))],
      ['VALIDATION_ERROR', () => clientOf().listNFTs({ ...nftOf(project), pageSize: 201 })],
    ];

    for (const [code, call] of calls) {
      const error = await errorOf(call());
      expect(error.code).toBe(code);
      expect(URL.canParse(error.link)).toBe(true);
      expect(error.traceId).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    }
    const { body, headers } = await http(test.app).get('/v1/chains/nope/nfts').expect(404);
    expect((body as { trace_id: string }).trace_id).toBe(headers['x-trace-id']);
    expect(Object.keys(body as object)).toEqual(['code', 'message', 'link', 'trace_id', 'details']);
  });

  it('the published client of Immutable zkEVM reads without a key, and a wrong key does not matter [Z42]', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItemFor('Sword'));

    expect((await clientOf('sk_imapik-wrong').getNFT(nftOf(project))).result.name).toBe('Sword');
    expect(await read(project, '2')).toMatchObject({ name: null, metadata_synced_at: null, attributes: [] });
    expect((await errorOf(clientOf().getNFT(nftOf(project, '9')))).code).toBe('RESOURCE_NOT_FOUND');
  });

  it('the published client of Immutable zkEVM lists up to 30 tokens by their ids [Z43]', async () => {
    const project = await aTestnetProject(test);
    const list = (tokenId: string[]) =>
      clientOf().listNFTs({ chainName: TESTNET, contractAddress: project.collectionAddress, tokenId });
    const ids = Array.from({ length: 31 }, (_, id) => String(id + 1));

    expect(idsOf(await list(['3', '1']))).toEqual(['1', '3']);
    expect(idsOf(await list(ids.slice(0, 30)))).toEqual(['1', '2', '3']);
    expect((await errorOf(list(ids))).code).toBe('VALIDATION_ERROR');
  });

  it('the published client of Immutable zkEVM walks pages to the last one and back, and sees each token once [Z44]', async () => {
    const project = await aTestnetProject(test, { tokens: ['1', '2', '3', '10', MAX_TOKEN_ID] });
    const page = (pageCursor?: string) =>
      clientOf().listNFTs({
        chainName: TESTNET,
        contractAddress: project.collectionAddress,
        pageSize: 2,
        ...(pageCursor !== undefined && { pageCursor }),
      });

    const first = await page();
    const second = await page(first.page.next_cursor!);
    const third = await page(second.page.next_cursor!);
    const back = await page(third.page.previous_cursor!);
    const start = await page(back.page.previous_cursor!);

    expect([first, second, third].flatMap(idsOf)).toEqual(['1', '2', '3', '10', MAX_TOKEN_ID]);
    expect(first.page.previous_cursor).toBeNull();
    expect(third.page.next_cursor).toBeNull();
    expect([idsOf(back), idsOf(start)]).toEqual([idsOf(second), idsOf(first)]);
    expect(start.page.previous_cursor).toBeNull();
    expect(idsOf(await page(start.page.next_cursor!))).toEqual(idsOf(second));
  });

  it('the published client of Immutable zkEVM walks the tokens of all collections on a chain, in both directions', async () => {
    const owner = await test.aProject({ chainId: 777, tokens: ['1', '2', '3'] });
    await addCollection(test, owner, { chainId: 777, address: `0x${'a'.repeat(40)}`, tokens: [] });
    await addCollection(test, owner, { chainId: 777, address: `0x${'b'.repeat(40)}`, tokens: ['5', '6'] });
    const page = (pageCursor?: string) =>
      clientOf().listAllNFTs({
        chainName: 'eip155:777',
        pageSize: 2,
        ...(pageCursor !== undefined && { pageCursor }),
      });
    const keysOf = ({ result }: { result: { contract_address: string; token_id: string }[] }) =>
      result.map(({ contract_address, token_id }) => `${contract_address}/${token_id}`);

    const pages = [await page()];
    while (pages.at(-1)!.page.next_cursor) pages.push(await page(pages.at(-1)!.page.next_cursor!));
    const back = await page(pages.at(-1)!.page.previous_cursor!);

    expect(new Set(pages.flatMap(keysOf)).size).toBe(5);
    expect(pages).toHaveLength(3);
    expect(keysOf(back)).toEqual(keysOf(pages[1]!));
  });

  it('the published client of Immutable zkEVM lists what was updated since a time, and that time is included [Z46]', async () => {
    const project = await aTestnetProject(test);
    await test.database.advance(60);
    await push(project, anItemFor('One'));
    await test.database.advance(60);
    await push(project, anItemFor('Two', { token_id: '2' }));
    const second = (await read(project, '2')).updated_at;
    const since = async (fromUpdatedAt: string) => {
      const page = await clientOf().listNFTs({
        chainName: TESTNET,
        contractAddress: project.collectionAddress,
        fromUpdatedAt,
      });
      return idsOf(page);
    };

    expect(await since(second)).toEqual(['2']);
    expect(await since((await read(project, '1')).updated_at)).toEqual(['1', '2']);
    expect(await since('2020-01-01T00:00:00Z')).toEqual(['1', '2', '3', MAX_TOKEN_ID]);
    expect((await errorOf(since('yesterday'))).code).toBe('VALIDATION_ERROR');
  });

  it('the published client of Immutable zkEVM pushes what an owner says of a collection, and reads it [Z47]', async () => {
    const project = await aTestnetProject(test);
    const [chainName, contractAddress] = [TESTNET, project.collectionAddress];
    const collection_metadata = {
      name: 'Swords',
      symbol: 'SWRD',
      description: null,
      image: 'https://cdn.example/swords.png',
      external_link: null,
      contract_uri: 'https://game.example/contract.json',
      base_uri: 'https://game.example/',
    };
    const pushCollection = (metadata: object) =>
      clientOf(project.apiKey).refreshCollectionMetadata({
        chainName,
        contractAddress,
        refreshCollectionMetadataRequest: { collection_metadata: metadata as never },
      });
    const { symbol: _, ...incomplete } = collection_metadata;

    const before = (await clientOf().getCollection({ chainName, contractAddress })).result;
    const missing = await errorOf(pushCollection(incomplete));
    const pushed = await pushCollection(collection_metadata);
    const after = (await clientOf().getCollection({ chainName, contractAddress })).result;
    const listed = await clientOf().listCollections({ chainName, pageSize: 200 });

    expect(before).toMatchObject({ name: null, metadata_synced_at: null, verification_status: 'unverified' });
    expect([missing.code, missing.details]).toEqual([
      'VALIDATION_ERROR',
      { errors: [{ path: '/collection_metadata/symbol', rule: 'is missing: send null for no value' }] },
    ]);
    expect(pushed).toMatchObject({ contract_address: contractAddress, collection_metadata });
    expect(after).toMatchObject({
      ...collection_metadata,
      contract_type: 'ERC721',
      metadata_synced_at: expect.any(String) as string,
    });
    expect(listed.result).toContainEqual(after);
    const other = await aTestnetProject(test);
    const foreign = clientOf(other.apiKey).refreshCollectionMetadata({
      chainName,
      contractAddress,
      refreshCollectionMetadataRequest: { collection_metadata },
    });
    expect((await errorOf(foreign)).code).toBe('AUTHENTICATION_ERROR');
  });

  it('the published client of Immutable zkEVM walks the collections of a chain, in both directions', async () => {
    const owner = await test.aProject({ chainId: 778 });
    for (const digit of 'abcd') {
      await addCollection(test, owner, { chainId: 778, address: `0x${digit.repeat(40)}`, tokens: [] });
    }
    const page = (pageCursor?: string) =>
      clientOf().listCollections({
        chainName: 'eip155:778',
        pageSize: 2,
        ...(pageCursor !== undefined && { pageCursor }),
      });
    const addressesOf = ({ result }: { result: { contract_address: string }[] }) =>
      result.map(({ contract_address }) => contract_address);

    const first = await page();
    const second = await page(first.page.next_cursor!);
    const third = await page(second.page.next_cursor!);
    const back = await page(third.page.previous_cursor!);

    expect(new Set([first, second, third].flatMap(addressesOf)).size).toBe(5);
    expect([first.page.previous_cursor, third.page.next_cursor]).toEqual([null, null]);
    expect(addressesOf(back)).toEqual(addressesOf(second));
  });

  it('the published client of Immutable zkEVM reads the filters of a collection: 100 values each, counted as text [Z48]', async () => {
    const tokens = Array.from({ length: 103 }, (_, id) => String(id + 1));
    const project = await aTestnetProject(test, { tokens });
    const itemOf = (token_id: string) =>
      anItemFor('Sword', {
        token_id,
        attributes: [
          { trait_type: 'Number', value: token_id },
          { trait_type: 'Kind', value: 'Sword' },
        ],
      });
    await push(project, ...tokens.map(itemOf));

    const { result, page } = await clientOf().listFilters({
      chainName: TESTNET,
      contractAddress: project.collectionAddress,
    });

    const [kind, number] = result.filters as { name: string; values: object[]; omitted_values_count: number }[];
    expect(kind).toEqual({ name: 'Kind', values: [{ value: 'Sword', nft_count: '103' }], omitted_values_count: 0 });
    expect([number!.name, number!.values.length, number!.omitted_values_count]).toEqual(['Number', 100, 3]);
    expect(page).toEqual({ previous_cursor: null, next_cursor: null });
  });

  it('the published client of Immutable zkEVM lists the named chains, without their RPC URLs [Z48]', async () => {
    const { result, page } = (await clientOf().listChains({})) as {
      result: { id: string; name: string; rpc_url: string | null }[];
      page: object;
    };

    expect(result.map(({ id, name }) => [id, name])).toEqual([
      ['eip155:1', 'ethereum'],
      ['eip155:13371', 'imtbl-zkevm-mainnet'],
      [`eip155:${TESTNET_ID}`, TESTNET],
    ]);
    expect(result.every(({ rpc_url }) => rpc_url === null)).toBe(true);
    expect(page).toEqual({ previous_cursor: null, next_cursor: null });
  });

  it('the published client of Immutable zkEVM without a key is told where it belongs, and its odd headers do not matter [Z52]', async () => {
    const project = await aTestnetProject(test);
    const forgetful = new clients.sdk.BlockchainData({
      baseConfig: { environment: 'sandbox' as never, apiKey: project.apiKey },
      overrides: { basePath: clients.basePath },
    });

    const { code, message } = await errorOf(forgetful.refreshNFTMetadata(pushOf(project, [anItemFor('Sword')])));

    expect(code).toBe('UNAUTHORISED_REQUEST');
    expect(message).toContain('x-immutable-api-key');
  });

  it('the zkEVM API refuses other page sizes and cursors, and takes an empty cursor for none [Z45]', async () => {
    const [project, other] = [await aTestnetProject(test), await aTestnetProject(test)];
    const list = (of: TestProject, query: string) =>
      http(test.app).get(`/v1/chains/${TESTNET}/collections/${of.collectionAddress}/nfts?${query}`);
    const cursorOf = async (of: TestProject) =>
      ((await list(of, 'page_size=1')).body as { page: { next_cursor: string } }).page.next_cursor;

    for (const query of ['page_size=0', 'page_size=201', 'page_size=x', 'page_cursor=abc']) {
      expect((await list(project, query)).status).toBe(400);
    }
    expect((await list(project, `page_cursor=${await cursorOf(other)}`)).status).toBe(400);
    expect((await list(project, 'page_cursor=&page_size=')).body).toMatchObject({ result: [{}, {}, {}, {}] });
    const unescaped = await list(project, `page_size=1&page_cursor=${await cursorOf(project)}`);
    expect(unescaped.body).toMatchObject({ result: [{ token_id: '2' }] });
  });
});
