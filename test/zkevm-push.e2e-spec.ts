import { EventDelivery, MetadataEvents, type RefreshCompleted } from '@app/metadata-events';
import { TokenStore } from '@app/token-store';
import type { Response } from 'supertest';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import {
  addCollection,
  anItem,
  aTestnetProject,
  MAX_TOKEN_ID,
  TESTNET,
  TESTNET_ID,
} from './support/pushed-metadata.js';
import { expectExactCounts } from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => expectExactCounts(test));

interface Target {
  chain?: string;
  address?: string;
}

const pathOf = (project: TestProject, { chain = TESTNET, address = project.collectionAddress }: Target = {}) =>
  `/v1/chains/${chain}/collections/${address}/nfts`;

const post = (project: TestProject, body: object | string, target: Target = {}) =>
  http(test.app)
    .post(`${pathOf(project, target)}/refresh-metadata`)
    .set('x-immutable-api-key', project.apiKey)
    .set('content-type', 'application/json')
    .send(body);

const push = (project: TestProject, ...items: object[]) => post(project, { nft_metadata: items });

interface ReadNft {
  name: string | null;
  attributes: { trait_type: string; value: unknown; display_type: string | null }[];
  [field: string]: unknown;
}

const readNft = async (project: TestProject, tokenId = '1', target: Target = {}): Promise<ReadNft> => {
  const { body } = await http(test.app)
    .get(`${pathOf(project, target)}/${tokenId}`)
    .expect(200);
  return (body as { result: ReadNft }).result;
};

const recordOf = async ({ collectionId }: TestProject, tokenId = '1') =>
  (await test.app.get(TokenStore).findTokenWithDocument({ collectionId, tokenId }))!;

const remaining = async (project: TestProject): Promise<number> => {
  const { body } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  return (body as { tokens_per_hour: { remaining: number } }).tokens_per_hour.remaining;
};

const eventsOf = ({ collectionId }: TestProject) =>
  test.database.query<{
    changes: { collectionId: string; tokenId: string; changedFields: string[]; refreshIds: string[] }[];
  }>(`select changes from nft_metadata.event_outbox where changes::text like '%' || $1 || '%' order by id`, [
    collectionId,
  ]);

const eventCount = async (project: TestProject) => (await eventsOf(project)).flatMap(({ changes }) => changes).length;

interface Problem {
  code: string;
  message: string;
  details: { errors?: { path: string; rule: string }[]; token_ids?: string[] } | null;
}
const problemOf = (response: Response) => response.body as Problem;

/** Expects that the request was refused, and that nothing of it was written or counted. */
async function expectRefused(project: TestProject, response: Response, status: number, code = 'VALIDATION_ERROR') {
  expect(response.status).toBe(status);
  expect(problemOf(response).code).toBe(code);
  expect(await remaining(project)).toBe(30_000);
  expect((await recordOf(project)).token.metadataStatus).toBe('pending');
}

describe('a push of NFT metadata', () => {
  it('a push writes the document as it was sent, without a URL, and counts as a version [Z3]', async () => {
    const project = await aTestnetProject(test);
    const { token_id: _, ...document } = anItem('Sword');

    await push(project, anItem('Sword')).expect(202);

    const { token, document: raw } = await recordOf(project);
    expect(token).toMatchObject({
      name: 'Sword',
      metadataUrl: null,
      metadataSource: 'pushed',
      metadataStatus: 'ok',
      metadataVersion: 1,
      lastRefreshId: null,
    });
    expect(JSON.parse(raw!)).toEqual(document);
  });

  it('a push has a receipt that the project API reads: a completed refresh with a verdict for each token', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItem('Sword')).expect(202);

    const { body } = await push(project, anItem('Sword'), anItem('Shield', { token_id: '2' })).expect(202);

    const refreshId = (body as { refresh_id: string }).refresh_id;
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      trigger: 'push',
      summary: { succeeded: 2, failed: 0, pending: 0 },
      verdicts: { updated: 1, unchanged: 1 },
    });
    const versions = await http(test.app)
      .get(`/v1/collections/${project.collectionAddress}/tokens/2/versions?chain_id=${TESTNET_ID}`)
      .expect(200);
    expect(versions.body).toMatchObject({ result: [{ version: 1, refresh_id: refreshId, trigger: 'push' }] });
  });

  it.each<[string, object | string]>([
    ['an empty list', { nft_metadata: [] }],
    ['no list', {}],
    ['no body', ''],
    ['a list as the body', [anItem('Sword')]],
  ])('a push with %s is refused [Z5]', async (_, body) => {
    const project = await aTestnetProject(test);

    await expectRefused(project, await post(project, body), 400);
  });

  it('a push is refused as a whole if a field of one item is missing, and names it [Z7]', async () => {
    const project = await aTestnetProject(test);
    const { youtube_url: _, ...incomplete } = anItem('Two', { token_id: '2' });

    const response = await push(project, anItem('One'), incomplete, anItem('Three', { token_id: '3' }));

    await expectRefused(project, response, 400);
    expect(problemOf(response).details!.errors).toEqual([
      { path: '/nft_metadata/1/youtube_url', rule: 'is missing: send null to take its value away' },
    ]);
  });

  it('null and an empty text take the value of a field away, and the event names the fields [Z8]', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItem('Sword', { animation_url: 'https://cdn.example/1.mp4' })).expect(202);

    await push(project, anItem('Sword', { description: null, animation_url: '' })).expect(202);

    expect(await readNft(project)).toMatchObject({ name: 'Sword', description: null, animation_url: null });
    const events = await eventsOf(project);
    expect(events.at(-1)!.changes[0]!.changedFields).toEqual(
      expect.arrayContaining(['description', 'animationUrl', 'animationOriginal']),
    );
  });

  it.each<[string, unknown, unknown]>([
    ['null', null, null],
    ['an empty text, or an empty list', '', []],
    ['white space', '  ', []],
  ])(
    'an item whose fields are all %s is refused, since it would blank the record [Z9]',
    async (_, text, attributes) => {
      const project = await aTestnetProject(test);
      const fields = Object.fromEntries(
        ['name', 'description', 'image', 'external_url', 'animation_url', 'youtube_url'].map((name) => [name, text]),
      );

      await expectRefused(project, await push(project, anItem('x', { ...fields, attributes })), 400);
      await push(project, anItem('Sword')).expect(202);
      await push(project, anItem('x', { ...fields, attributes })).expect(400);

      expect((await readNft(project)).name).toBe('Sword');
    },
  );

  it('attributes that are null or empty remove all traits; an empty list after null sends no event [Z10]', async () => {
    const project = await aTestnetProject(test);
    const traits = () =>
      http(test.app).get(`/v1/collections/${project.collectionAddress}/traits?chain_id=${TESTNET_ID}`).expect(200);
    await push(project, anItem('Sword')).expect(202);
    expect((await traits()).body).toMatchObject({ traits: [{ trait_type: 'Kind' }] });

    await push(project, anItem('Sword', { attributes: null })).expect(202);
    const before = await readNft(project);
    const events = await eventCount(project);
    await push(project, anItem('Sword', { attributes: [] })).expect(202);

    expect(before.attributes).toEqual([]);
    expect((await traits()).body).toMatchObject({ traits: [] });
    expect((await readNft(project)).attributes).toEqual([]);
    const changed = (await eventsOf(project)).slice(events).flatMap(({ changes }) => changes[0]!.changedFields);
    expect(changed).toEqual([]);
  });

  it('values of attributes keep their types: numbers, texts and booleans [Z11]', async () => {
    const project = await aTestnetProject(test);
    const attributes = [5, '5', true, 0, ''].map((value, index) => ({ trait_type: `T${index}`, value }));

    await push(project, anItem('Sword', { attributes })).expect(202);

    expect((await readNft(project)).attributes).toEqual(attributes.map((one) => ({ ...one, display_type: null })));
  });

  it.each<[string, object]>([
    ['a value of null', { trait_type: 'T', value: null }],
    ['an object as the value', { trait_type: 'T', value: {} }],
    ['a list as the value', { trait_type: 'T', value: [] }],
    ['no trait_type', { value: 'x' }],
    ['a trait_type of null', { trait_type: null, value: 'x' }],
  ])('an attribute with %s is refused [Z12]', async (_, attribute) => {
    const project = await aTestnetProject(test);

    const response = await push(project, anItem('Sword', { attributes: [attribute] }));

    await expectRefused(project, response, 400);
    expect(problemOf(response).details!.errors![0]!.path).toMatch(/^\/nft_metadata\/0\/attributes\/0/);
  });

  it.each<[unknown, number]>([
    [null, 202],
    ['date', 202],
    ['color', 400],
  ])('an attribute with the display_type %j gets the status %s [Z13]', async (displayType, status) => {
    const project = await aTestnetProject(test);
    const attribute = { trait_type: 'Born', value: 1_546_360_800, display_type: displayType };

    await push(project, anItem('Sword', { attributes: [attribute] })).expect(status);

    if (status === 202) expect((await readNft(project)).attributes).toEqual([attribute]);
  });

  it('unknown fields are kept in the document, and change nothing that is shown [Z14]', async () => {
    const project = await aTestnetProject(test);
    const more = {
      id: 7,
      rarity: 'epic',
      title: 'Other',
      image_url: 'https://other.example/1.png',
      nested: { a: [1] },
    };

    await push(project, anItem('Sword', { name: null, image: null, ...more })).expect(202);

    expect(JSON.parse((await recordOf(project)).document!)).toMatchObject(more);
    expect(await readNft(project)).toMatchObject({ name: null, image: null, description: 'About Sword' });
  });

  it('an item of 16,384 bytes is accepted, and one byte more is refused [Z15]', async () => {
    const project = await aTestnetProject(test);
    const itemOf = (bytes: number) => {
      const empty = anItem('Sword', { description: '' });
      return { ...empty, description: 'd'.repeat(bytes - Buffer.byteLength(JSON.stringify(empty))) };
    };

    await expectRefused(project, await push(project, itemOf(16_385)), 400);
    await push(project, itemOf(16_384)).expect(202);
  });

  it('a list of 233,472 bytes is accepted, one byte more is refused, and a body of 300 kB is not read [Z16, V13]', async () => {
    const tokens = Array.from({ length: 15 }, (_, id) => String(id + 1));
    const project = await aTestnetProject(test, { tokens });
    const listOf = (bytes: number) => {
      const items = tokens.map((token_id) => anItem('Sword', { token_id, description: 'd'.repeat(15_000) }));
      const missing = bytes - Buffer.byteLength(JSON.stringify(items));
      items[0]!['description'] = 'd'.repeat(15_000 - 4000);
      items.at(-1)!['description'] = 'd'.repeat(15_000);
      const [first, ...others] = items;
      // Spread over the items, so that none is too large.
      const share = Math.floor((missing + 4000) / items.length);
      for (const item of others) item['description'] = 'd'.repeat(15_000 + share);
      const rest = bytes - Buffer.byteLength(JSON.stringify([first, ...others]));
      first!['description'] = 'd'.repeat(11_000 + rest);
      return [first!, ...others];
    };

    await expectRefused(project, await push(project, ...listOf(233_473)), 400);
    const large = await post(project, JSON.stringify({ nft_metadata: [], more: 'x'.repeat(300_000) }));
    expect([large.status, problemOf(large).code]).toEqual([413, 'VALIDATION_ERROR']);
    await push(project, ...listOf(233_472)).expect(202);
    // The limit of all other routes is unchanged.
    const other = await http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'], more: 'x'.repeat(110_000) });
    expect(other.status).toBe(413);
  });

  it.each<[unknown, number]>([
    [MAX_TOKEN_ID, 202],
    [1, 202],
    [(2n ** 256n).toString(), 400],
    ['01', 400],
    ['-1', 400],
    ['0x1', 400],
    [1.5, 400],
    ['', 400],
  ])('the token id %j gets the status %s [Z17]', async (tokenId, status) => {
    const project = await aTestnetProject(test);

    const { body } = await push(project, anItem('Sword', { token_id: tokenId })).expect(status);

    if (status === 202) expect((await readNft(project, String(tokenId))).name).toBe('Sword');
    else expect(body).toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('a token that is given twice is one token: the later item counts, and there is one event [Z19]', async () => {
    const project = await aTestnetProject(test);

    const { body } = await push(project, anItem('First'), anItem('Second')).expect(202);

    expect(body).toMatchObject({ imx_remaining_refreshes: '29999' });
    expect((await readNft(project)).name).toBe('Second');
    expect(await eventCount(project)).toBe(1);
  });

  it('one address on two chains is two collections, and each push reaches its own record [Z22]', async () => {
    const project = await aTestnetProject(test);
    await addCollection(test, project, { chainId: 13371, address: project.collectionAddress, tokens: ['1'] });
    const mainnet = { chain: 'imtbl-zkevm-mainnet' };

    await push(project, anItem('On testnet')).expect(202);
    await post(project, { nft_metadata: [anItem('On mainnet')] }, mainnet).expect(202);

    expect((await readNft(project)).name).toBe('On testnet');
    expect(await readNft(project, '1', mainnet)).toMatchObject({
      name: 'On mainnet',
      chain: { id: 'eip155:13371', name: 'imtbl-zkevm-mainnet' },
    });
  });

  it('the key counts in x-immutable-api-key alone, and a foreign x-api-key beside it is ignored [Z24]', async () => {
    const project = await aTestnetProject(test);
    const send = (headers: Record<string, string>) =>
      http(test.app)
        .post(`${pathOf(project)}/refresh-metadata`)
        .set(headers)
        .send({ nft_metadata: [anItem('Sword')] });

    expect((await send({ 'x-api-key': project.apiKey })).status).toBe(401);
    expect((await send({ authorization: `Bearer ${project.apiKey}` })).status).toBe(401);
    const foreign = { 'x-immutable-api-key': project.apiKey, 'x-api-key': 'key-of-an-rpc-node' };
    expect((await send(foreign)).status).toBe(202);
  });

  it('pushes and refreshes of a project share one quota [Z28]', async () => {
    const project = await aTestnetProject(test);
    await requestRefresh(test.app, project, ['1', '2']);

    const { body } = await push(project, anItem('Sword')).expect(202);

    expect(body).toMatchObject({ imx_remaining_refreshes: '29997' });
    expect(await remaining(project)).toBe(29_997);
  });

  it('a push of more tokens than a request of the project may name is refused [Z29]', async () => {
    const tokens = Array.from({ length: 3 }, (_, id) => String(id + 1));
    const project = await aTestnetProject(test, { tokens, limits: { tokensPerRequest: 2 } });

    const response = await push(project, ...tokens.map((token_id) => anItem('Sword', { token_id })));

    await expectRefused(project, response, 400);
    expect(problemOf(response).message).toContain('at most 2 tokens');
  });

  it('the message of an error is printable ASCII, whatever the request contains [Z31]', async () => {
    const project = await aTestnetProject(test);

    const response = await http(test.app).get(`${pathOf(project)}/${encodeURIComponent('剑'.repeat(400))}`);
    const { message } = problemOf(response);

    expect(response.status).toBe(400);
    expect(message).toMatch(/^[\x20-\x7e]{1,1024}$/);
    const unknown = await http(test.app).get(`/v1/chains/${encodeURIComponent('剑'.repeat(400))}/nfts`);
    expect([unknown.status, problemOf(unknown).message]).toEqual([404, expect.stringMatching(/^[\x20-\x7e]{1,1024}$/)]);
  });

  it('errors before a route is found have the same shape: broken JSON, another type, method or path [Z32]', async () => {
    const project = await aTestnetProject(test);
    const path = `${pathOf(project)}/refresh-metadata`;

    const broken = await post(project, '{"nft_metadata": [');
    const text = await http(test.app)
      .post(path)
      .set('x-immutable-api-key', project.apiKey)
      .set('content-type', 'text/plain')
      .send('{}');
    const method = await http(test.app).put(path).send({});
    const nowhere = await http(test.app).get('/v1/chains/x/nope');

    expect([broken, text, method, nowhere].map(({ status }) => status)).toEqual([400, 415, 405, 404]);
    for (const response of [broken, text, method]) expect(problemOf(response).code).toBe('VALIDATION_ERROR');
    expect(problemOf(nowhere).code).toBe('RESOURCE_NOT_FOUND');
    expect(method.headers['allow']).toBe('POST');
  });

  it('a push of the same item again changes only metadata_synced_at, and sends no event [Z33, V12]', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItem('Sword')).expect(202);
    const before = await readNft(project);
    const version = (await recordOf(project)).token.metadataVersion;
    await test.database.advance(60);

    await push(project, anItem('Sword')).expect(202);

    const after = await readNft(project);
    expect(after['updated_at']).toBe(before['updated_at']);
    expect(after['metadata_synced_at']).not.toBe(before['metadata_synced_at']);
    expect((await recordOf(project)).token.metadataVersion).toBe(version);
    expect(await eventCount(project)).toBe(1);
  });

  it('a push supersedes a fetch that was claimed before it, and the refresh counts as succeeded [Z34]', async () => {
    const project = await aTestnetProject(test);
    const refreshId = await requestRefresh(test.app, project, ['1']);
    test.metadataApi.script('1', {
      status: 200,
      body: { name: 'Fetched' },
      before: async () => {
        await push(project, anItem('Pushed')).expect(202);
      },
    });

    await test.worker.runOnce();
    test.metadataApi.forgetScripts();

    expect((await readNft(project)).name).toBe('Pushed');
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      verdicts: { superseded: 1, updated: 0 },
      summary: { succeeded: 1 },
    });
  });

  it('a failing fetch leaves pushed metadata as it is, and a later good one replaces it [Z35]', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItem('Pushed')).expect(202);

    test.metadataApi.respond('1', 404, 'gone');
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const stale = (await recordOf(project)).token;
    test.metadataApi.respond('1', 200, { name: 'Fetched' });
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    test.metadataApi.forgetScripts();

    expect(stale).toMatchObject({ name: 'Pushed', metadataStatus: 'stale', metadataSource: 'pushed' });
    expect((await recordOf(project)).token).toMatchObject({
      name: 'Fetched',
      metadataStatus: 'ok',
      metadataSource: 'metadata_api',
    });
  });

  it('a fetch after a push sends no validators of an earlier response [Z36]', async () => {
    const project = await aTestnetProject(test);
    test.metadataApi.respond('1', 200, { name: 'Fetched' }, { etag: '"one"' });
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    await push(project, anItem('Pushed')).expect(202);

    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const { 'if-none-match': validator } = test.metadataApi.lastHeaders;
    test.metadataApi.forgetScripts();

    expect(validator).toBeUndefined();
    expect((await readNft(project)).name).toBe('Fetched');
  });

  it('a push is an event for each token whose content changed, with the traits, and without a refresh [Z38]', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItem('Sword')).expect(202);

    await push(
      project,
      anItem('Sword', {
        attributes: [
          { trait_type: 'Kind', value: 'Axe' },
          { trait_type: 'Level', value: 2 },
        ],
      }),
    ).expect(202);

    const [, last, ...others] = await eventsOf(project);
    expect(others).toEqual([]);
    expect(last!.changes).toMatchObject([
      {
        tokenId: '1',
        changedFields: ['attributes'],
        traitsAdded: [
          { traitType: 'Kind', value: 'Axe' },
          { traitType: 'Level', value: '2' },
        ],
        traitsRemoved: [{ traitType: 'Kind', value: 'Sword' }],
        refreshIds: [],
      },
    ]);
  });

  it('a push is announced as a completed refresh, to those who name its trigger', async () => {
    const project = await aTestnetProject(test);
    await push(project, anItem('Sword')).expect(202);
    const [events, delivery] = [test.app.get(MetadataEvents), test.app.get(EventDelivery)];
    const [pushed, requested]: RefreshCompleted[][] = [[], []];
    events.on('refresh.completed', 'pushes', (list) => void pushed!.push(...list), { triggers: ['push'] });
    events.on('refresh.completed', 'requests', (list) => void requested!.push(...list));
    await delivery.runOnce();

    const { body } = await push(project, anItem('Sword'), anItem('Shield', { token_id: '2' })).expect(202);
    await delivery.runOnce();

    expect(pushed).toMatchObject([
      {
        refreshId: (body as { refresh_id: string }).refresh_id,
        projectId: project.id,
        collectionAddress: project.collectionAddress,
        trigger: 'push',
        total: 2,
        succeeded: 2,
        failed: 0,
        verdicts: { updated: 1, unchanged: 1 },
      },
    ]);
    expect(requested).toEqual([]);
  });

  it('a push that fails before its commit has written neither record nor event, and counted nothing [Z38]', async () => {
    const project = await aTestnetProject(test);
    await test.database.query(`
      create function fail() returns trigger language plpgsql as $$ begin raise exception 'the disk is full'; end $$`);
    await test.database.query(`
      create trigger fail before insert on nft_metadata.event_outbox for each row execute function fail()`);

    const response = await push(project, anItem('Sword'));
    await test.database.query(`drop trigger fail on nft_metadata.event_outbox`);

    await expectRefused(project, response, 500, 'INTERNAL_SERVER_ERROR');
    expect(await eventsOf(project)).toEqual([]);
  });

  it('two pushes of the same 250 tokens in opposite order keep the lock order: both are accepted, without a deadlock [Z39]', async () => {
    const tokens = Array.from({ length: 250 }, (_, id) => String(id + 1));
    const project = await aTestnetProject(test, { tokens });
    const other = await test.anotherProcess();
    const { MetadataRefreshService } = await import('@app/metadata-refresh');
    const pushWith = (app: { get: TestApp['app']['get'] }, name: string, ids: string[]) =>
      app.get(MetadataRefreshService).push(
        { id: project.id, tokensPerHour: null, tokensPerRequest: null },
        {
          chainId: TESTNET_ID,
          collectionAddress: project.collectionAddress,
          tokens: ids.map((tokenId) => ({
            tokenId,
            document: { name, attributes: [{ trait_type: 'By', value: name }] },
          })),
        },
      );

    await Promise.all([pushWith(test.app, 'one', tokens), pushWith(other, 'other', tokens.toReversed())]);

    const events = await eventsOf(project);
    const { token } = await recordOf(project);
    expect(events).toHaveLength(2);
    expect(token.metadataVersion).toBe(2);
    const records = await test.app.get(TokenStore).listTokens({ collectionId: project.collectionId, limit: 250 });
    expect(new Set(records.map(({ name }) => name)).size).toBe(1);
    const counts = await test.app.get(TokenStore).listTraits({ collectionId: project.collectionId });
    expect(counts).toMatchObject([{ values: [{ value: token.name, tokenCount: 250 }] }]);
  });

  it('characters that cannot be stored are replaced, and numbers that JSON cannot hold exactly are refused [Z40, V13]', async () => {
    const project = await aTestnetProject(test);
    const withNumber = (digits: string) =>
      JSON.stringify({ nft_metadata: [anItem('Sword', { power: 'DIGITS' })] }).replace('"DIGITS"', digits);

    for (const digits of ['9007199254740993', '1e400000', '-1e400000']) {
      const response = await post(project, withNumber(digits));
      await expectRefused(project, response, 400);
      expect(problemOf(response).details!.errors![0]!.path).toBe('/nft_metadata/0/power');
    }
    await post(
      project,
      JSON.stringify({ nft_metadata: [anItem('A NUL B', { description: 'half ' })] })
        .replace(' NUL ', '\\u0000')
        .replace('half ', String.raw`half \ud800`),
    ).expect(202);

    expect(await readNft(project)).toMatchObject({ name: 'A�B', description: 'half �' });
    expect((await recordOf(project)).token.warnings).toContain('replaced_characters');
  });

  it('an item that is nested too deeply is refused, and the service goes on [V13]', async () => {
    const project = await aTestnetProject(test);
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

    const response = await post(
      project,
      JSON.stringify({ nft_metadata: [anItem('Sword', { deep: 'DEEP' })] }).replace('"DEEP"', deep),
    );

    await expectRefused(project, response, 400);
    expect(problemOf(response).message).toContain('at most 64 levels deep');
  });

  it('media are shown as they were pushed, unsafe ones not at all, and long names are cut [Z41]', async () => {
    const project = await aTestnetProject(test);
    const ipfs = 'ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/1.png';
    const svg = `data:image/svg+xml;base64,${Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64')}`;

    await push(
      project,
      anItem('n'.repeat(300), { image: ipfs }),
      anItem('Script', { token_id: '2', image: 'javascript:alert(1)' }),
      anItem('Picture', { token_id: '3', image: svg }),
    ).expect(202);

    expect(await readNft(project)).toMatchObject({ image: ipfs, name: 'n'.repeat(255) });
    expect((await readNft(project, '2'))['image']).toBeNull();
    expect((await readNft(project, '3'))['image']).toBe(svg);
    expect((await recordOf(project)).token.warnings).toEqual(['name_cut']);
    expect((await recordOf(project, '2')).token.warnings).toEqual(['unsafe_image']);
  });
});
