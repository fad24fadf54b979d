import { MetadataHost } from '@app/testing';
import { Collections, TokenStore } from '@app/token-store';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio, startHostApp, type HostAppOptions } from './support/host-app.js';
import { http } from './support/project-api.js';
import { anItem, aTestnetProject, TESTNET } from './support/pushed-metadata.js';
import { startApp } from './support/start-app.js';
import { TcpProxy } from './support/tcp-proxy.js';

const ON: HostAppOptions['nftRefresh'] = { zkevmApiPath: 'v1', exposeTokenRoutes: true, runMode: 'api' };

let database: TestDatabase;
let metadataApi: MetadataHost;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

const pathOf = (address: string, prefix = '') => `${prefix}/v1/chains/eip155:1/collections/${address}/nfts`;

it.each<[string, () => Pick<HostAppOptions, 'adapter'>]>([
  ['Express, with the parser of Nest', () => ({})],
  ['Fastify', () => ({ adapter: new FastifyAdapter() })],
])(
  'on %s, a push may be larger than other bodies, and its errors have the shape of the dialect [Z16] [Z32]',
  async (_, host) => {
    const app = await startHostApp(database, metadataApi, {
      ...host(),
      nftRefresh: ON,
      configure: (app) => app.setGlobalPrefix('api'),
    });
    try {
      const { address, apiKey, collectionId } = await aStudio(app, metadataApi);
      const tokens = Array.from({ length: 13 }, (_, id) => String(id + 1));
      await app.get(TokenStore).registerTokens(collectionId, tokens);
      const post = (body: string, type = 'application/json') =>
        http(app)
          .post(`${pathOf(address, '/api')}/refresh-metadata`)
          .set('x-immutable-api-key', apiKey)
          .set('content-type', type)
          .send(body);
      const items = tokens.map((token_id) => anItem('Sword', { token_id, description: 'd'.repeat(15_000) }));

      const large = await post(JSON.stringify({ nft_metadata: items }));
      const tooLarge = await post(JSON.stringify({ nft_metadata: items, more: 'x'.repeat(100_000) }));
      const broken = await post('{');
      const text = await post('{}', 'text/plain');
      const nowhere = await http(app).get('/api/v1/chains/x/nope');
      const method = await http(app).delete(`${pathOf(address, '/api')}/1`);
      const nft = await http(app).get(`${pathOf(address, '/api')}/13`);

      expect(large.status).toBe(202);
      expect([tooLarge, broken, text, method].map(({ status }) => status)).toEqual([413, 400, 415, 405]);
      for (const { body } of [tooLarge, broken, text, method]) expect(body).toMatchObject({ code: 'VALIDATION_ERROR' });
      expect(nowhere.body).toMatchObject({ code: 'RESOURCE_NOT_FOUND', link: 'about:blank' });
      expect(nft.body).toMatchObject({ result: { name: 'Sword', chain: { id: 'eip155:1', name: 'eip155:1' } } });
    } finally {
      await app.close();
    }
  },
);

it('while the database is away, a push gets 503 with the shape of the dialect and Retry-After [Z54]', async () => {
  const line = await TcpProxy.start(database.url);
  const app = await startHostApp({ url: line.throughProxy(database.url) }, metadataApi, { nftRefresh: ON });
  try {
    const { address, apiKey } = await aStudio(app, metadataApi);
    line.refuse();

    const { status, headers, body } = await http(app)
      .post(`${pathOf(address)}/refresh-metadata`)
      .set('x-immutable-api-key', apiKey)
      .send({ nft_metadata: [anItem('Sword')] });

    expect(status).toBe(503);
    expect(body).toMatchObject({ code: 'SERVICE_UNAVAILABLE', details: null });
    expect(headers).toMatchObject({ 'retry-after': '5', 'x-trace-id': (body as { trace_id: string }).trace_id });
  } finally {
    line.forward();
    await app.close();
    await line.close();
  }
});

it('without the zkEVM API, its paths are those of the host application; without token routes, only its reads are missing [Z53]', async () => {
  const off = await startHostApp(database, metadataApi, { nftRefresh: { runMode: 'api' } });
  const pushOnly = await startHostApp(database, metadataApi, { nftRefresh: { ...ON, exposeTokenRoutes: false } });
  try {
    const { address, apiKey } = await aStudio(pushOnly, metadataApi);

    const ofHost = await http(off).get('/v1/chains');
    const chains = await http(pushOnly).get('/v1/chains');
    const read = await http(pushOnly).get(`${pathOf(address)}/1`);
    const push = await http(pushOnly)
      .post(`${pathOf(address)}/refresh-metadata`)
      .set('x-immutable-api-key', apiKey)
      .send({ nft_metadata: [anItem('Sword')] });

    expect([ofHost.status, ofHost.body]).toEqual([404, expect.objectContaining({ statusCode: 404 })]);
    expect([chains, read].map(({ status }) => status)).toEqual([404, 404]);
    expect(read.body).toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    expect(push.status).toBe(202);
  } finally {
    await off.close();
    await pushOnly.close();
  }
});

it('with missingKeys "keep", fields that an item does not have stay as they are in the record [Z6]', async () => {
  const test = await startApp({ refreshApi: { missingKeys: 'keep' } });
  try {
    const project = await aTestnetProject(test);
    const push = (item: object) =>
      http(test.app)
        .post(`/v1/chains/${TESTNET}/collections/${project.collectionAddress}/nfts/refresh-metadata`)
        .set('x-immutable-api-key', project.apiKey)
        .send({ nft_metadata: [item] });
    const record = async () =>
      (await test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId: '1' }))!;
    const attributes = [
      { trait_type: 'Level', value: 5, display_type: 'number' },
      { trait_type: 'Rare', value: true },
    ];
    await push(anItem('Sword', { attributes })).expect(202);
    const before = await record();

    await push({ token_id: '1', name: 'Axe' }).expect(202);

    expect(await record()).toMatchObject({
      name: 'Axe',
      description: before.description,
      imageUrl: before.imageUrl,
      imageOriginal: before.imageOriginal,
      externalUrl: before.externalUrl,
      attributes: before.attributes,
      metadataVersion: 2,
    });
    // Nothing is left of the record, so this is no push of one field.
    await push({ token_id: '2', name: null }).expect(400);
    const collection = await test.app.get(Collections).findByAddress(project.collectionAddress);
    expect(await test.app.get(TokenStore).findToken({ collectionId: collection[0]!.id, tokenId: '2' })).toMatchObject({
      metadataStatus: 'pending',
    });
  } finally {
    await test.stop();
  }
});
