import type { UriRule } from '@app/metadata-fetch';
import { Anvil } from '@app/testing';
import { TokenStore } from '@app/token-store';
import { AbiCoder, id, toBeHex, type BaseContract } from 'ethers';
import { http, readErrors, readRefresh, requestRefresh, signedHeaders } from './support/project-api.js';
import { RpcHost, TOKEN_URI, URI } from './support/rpc-host.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let anvil: Anvil;
let rpc: RpcHost;
let test: TestApp;
beforeAll(async () => {
  anvil = await Anvil.start();
  rpc = await RpcHost.start(anvil);
  test = await startApp({ metadataFetch: { rpcUrls: { [anvil.chainId]: rpc.url } } }, { otherHosts: [rpc] });
});
afterAll(async () => {
  await test.stop();
  await rpc.close();
  await anvil.stop();
});
beforeEach(() => {
  rpc.requests.length = 0;
});

async function aProjectOf(contract: BaseContract, tokens: readonly string[], uriRule?: UriRule): Promise<TestProject> {
  const address = await contract.getAddress();
  return test.aProject({ tokens, contract: { chainId: anvil.chainId, address, ...(uriRule && { uriRule }) } });
}

/** A refresh to its end, second tries included. Returns it and its errors by token. */
async function refreshed(project: TestProject, tokenIds: readonly string[]) {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  await test.database.advance(5);
  await test.worker.runOnce();
  const errors = await readErrors(test.app, project, refreshId);
  return {
    ...(await readRefresh(test.app, project, refreshId)),
    errors: Object.fromEntries(errors.map((error) => [String(error['token_id']), error])),
  };
}

async function readToken(project: TestProject, tokenId: string): Promise<Record<string, unknown>> {
  const path = `/v1/collections/${project.collectionAddress}/tokens/${tokenId}`;
  return (await http(test.app).get(path).expect(200)).body as Record<string, unknown>;
}

async function readAttempts(project: TestProject, tokenId: string): Promise<Record<string, unknown>[]> {
  const path = `/v1/collections/${project.collectionAddress}/tokens/${tokenId}/attempts`;
  const { body } = await http(test.app).get(path).set('x-api-key', project.apiKey).expect(200);
  return (body as { result: Record<string, unknown>[] }).result;
}

/** Encodes calls and results of `ScriptedContract`. */
const word = (value: string) => toBeHex(value, 32).slice(2);
const call = (signature: string, tokenId?: string) => `${id(signature).slice(0, 10)}${tokenId ? word(tokenId) : ''}`;
const string = (value: string) => AbiCoder.defaultAbiCoder().encode(['string'], [value]);
const END = { returns: 1, reverts: 2, invalid: 3, endless: 4 };

async function scriptCall(contract: BaseContract, callData: string, end: keyof typeof END, data = '0x'): Promise<void> {
  await anvil.send(contract, 'script', callData, END[end], data);
}

it('a token of an ERC-721 contract gets the document at the token URI that its contract returns', async () => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 7, `${test.metadataApi.url}/cards/seven`);
  const project = await aProjectOf(cards, ['7']);

  expect(await refreshed(project, ['7'])).toMatchObject({ status: 'completed', summary: { succeeded: 1 } });

  expect(await readToken(project, '7')).toMatchObject({
    name: 'Token seven',
    metadata_url: `${test.metadataApi.url}/cards/seven`,
    metadata_status: 'ok',
  });
  const [record] = await test.app.get(TokenStore).findTokens([{ collectionId: project.collectionId, tokenId: '7' }]);
  expect(record).toMatchObject({ metadataSource: 'chain' });
});

it('a token URI that has changed is followed with the next refresh', async () => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 7, `${test.metadataApi.url}/hidden`);
  const project = await aProjectOf(cards, ['7']);
  await refreshed(project, ['7']);
  await anvil.send(cards, 'mint', 7, `${test.metadataApi.url}/revealed`);

  await refreshed(project, ['7']);

  expect(await readToken(project, '7')).toMatchObject({ name: 'Token revealed', metadata_version: 2 });
});

it('an image at a token URI is the image of a token that has no document, until it has one (H14)', async () => {
  const cards = await anvil.deploy('Cards');
  const uri = `${test.metadataApi.url}/pictures/fox`;
  await anvil.send(cards, 'mint', 7, uri);
  const project = await aProjectOf(cards, ['7']);
  test.metadataApi.misbehave('fox', 'sends an image');

  await refreshed(project, ['7']);
  expect(await refreshed(project, ['7'])).toMatchObject({ summary: { succeeded: 1 } });

  const picture = { name: null, image_url: uri, warnings: ['media_instead_of_document'], metadata_version: 1 };
  expect(await readToken(project, '7')).toMatchObject({ ...picture, metadata_status: 'ok' });

  test.metadataApi.respond('fox', 200, { name: 'Fox', attributes: [{ trait_type: 'Hat', value: 'Red' }] });
  await refreshed(project, ['7']);
  const document = await readToken(project, '7');
  expect(document).toMatchObject({ name: 'Fox', warnings: [], metadata_version: 2, metadata_status: 'ok' });

  test.metadataApi.misbehave('fox', 'sends an image');
  expect(await refreshed(project, ['7'])).toMatchObject({
    summary: { failed: 1 },
    errors: {
      7: {
        error_code: 'unable_to_decode_response',
        reason: 'media_instead_of_document',
        client_response_status_code: 200,
        client_token_metadata_url: uri,
      },
    },
  });
  const after = await readToken(project, '7');
  expect(after).toEqual({
    ...document,
    metadata_status: 'stale',
    stale_since: after['stale_since'],
    last_error_code: 'unable_to_decode_response',
    last_error_reason: 'media_instead_of_document',
    last_attempt_at: after['last_attempt_at'],
  });
});

it('a contract that returns an image instead of its document takes neither name nor traits away', async () => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 7, 'data:application/json,{"name":"Fox","attributes":[{"Hat":"Red"}]}');
  const project = await aProjectOf(cards, ['7']);
  await refreshed(project, ['7']);
  await anvil.send(cards, 'mint', 7, `data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'/>`);

  expect(await refreshed(project, ['7'])).toMatchObject({
    errors: { 7: { error_code: 'unable_to_decode_response', reason: 'media_instead_of_document' } },
  });

  expect(await readToken(project, '7')).toMatchObject({
    name: 'Fox',
    attributes: [{ trait_type: 'Hat', value: 'Red' }],
    metadata_status: 'stale',
  });
});

it.each([
  ['777', '309'],
  ['50101', 'c3b5'],
  ['9007199254740993', '20000000000001'],
  [String(2n ** 256n - 1n), 'f'.repeat(64)],
])(
  '{id} of an ERC-1155 contract, and of its documents, is %s as 64 hex digits [A13, A14, A15, A16, A19]',
  async (tokenId, digits) => {
    const potions = await anvil.deploy('Potions');
    await anvil.send(potions, 'setUri', `${test.metadataApi.url}/potions/{id}`);
    const project = await aProjectOf(potions, [tokenId]);
    const hex = digits.padStart(64, '0');
    test.metadataApi.respond(hex, 200, { name: 'Potion {id}' });

    await refreshed(project, [tokenId]);

    expect(await readToken(project, tokenId)).toMatchObject({
      name: `Potion ${hex}`,
      metadata_url: `${test.metadataApi.url}/potions/${hex}`,
    });
  },
);

it('1,000 tokens are asked for in batches of up to 100, and their host gets eight requests at once', async () => {
  const potions = await anvil.deploy('Potions');
  await anvil.send(potions, 'setUri', `${test.metadataApi.url}/thousand/{id}`);
  const tokens = Array.from({ length: 1000 }, (_, index) => String(index + 1));
  const project = await aProjectOf(potions, tokens);

  expect(await refreshed(project, tokens)).toMatchObject({ summary: { succeeded: 1000 } });

  const batches = rpc.asking(URI).map((calls) => calls.length);
  expect(Math.max(...batches)).toBeLessThanOrEqual(100);
  expect(batches.length).toBeLessThanOrEqual(40);
  expect(test.metadataApi.trafficOf('/thousand')).toMatchObject({ hits: 1000 });
  expect(test.metadataApi.trafficOf('/thousand').maxConcurrent).toBeLessThanOrEqual(8);
});

it('tokens whose contract returns one URI for all of them are fetched one by one [H21]', async () => {
  const cards = await anvil.deploy('Cards');
  const tokens = ['1', '2', '3'];
  for (const tokenId of tokens) await anvil.send(cards, 'mint', tokenId, `${test.metadataApi.url}/cards/unrevealed`);
  const project = await aProjectOf(cards, tokens);

  expect(await refreshed(project, tokens)).toMatchObject({ summary: { succeeded: 3 } });

  expect(test.metadataApi.hits.get('unrevealed')).toBe(3);
  for (const tokenId of tokens) expect(await readToken(project, tokenId)).toMatchObject({ name: 'Token unrevealed' });
});

it.each([
  ['empty', '[A4]', ''],
  ['blank', '[A5]', ' \n\0 '],
])('a token URI that is %s fails as no_uri without a request %s', async (_, __, uri) => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 1, uri);
  const project = await aProjectOf(cards, ['1']);

  expect((await refreshed(project, ['1'])).errors['1']).toMatchObject({
    error_code: 'unable_to_retrieve_metadata',
    reason: 'no_uri',
    client_token_metadata_url: '',
    client_response_status_code: null,
  });
  expect(await readAttempts(project, '1')).toMatchObject([{ outcome: 'unreachable', reason: 'no_uri', url: '' }]);
});

it('a token that its contract does not know is not found, after a second try and without a request [A6]', async () => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 1, `${test.metadataApi.url}/known/1`);
  const project = await aProjectOf(cards, ['1', '404404']);

  const { summary, errors } = (await refreshed(project, ['1', '404404'])) as unknown as {
    summary: object;
    errors: Record<string, object>;
  };

  expect(summary).toMatchObject({ succeeded: 1, failed: 1 });
  expect(errors['404404']).toMatchObject({
    error_code: 'token_not_found',
    reason: 'contract_reverted',
    client_token_metadata_url: '',
  });
  expect(await readAttempts(project, '404404')).toMatchObject([
    { outcome: 'no_token', reason: 'contract_reverted', attempt: 2 },
    { outcome: 'no_token', reason: 'contract_reverted', attempt: 1 },
  ]);
  expect(test.metadataApi.hits.has('404404')).toBe(false);
});

/** An ERC-721 contract that reverts unless it was told something else. */
async function aScriptedErc721(): Promise<BaseContract> {
  const contract = await anvil.deploy('ScriptedContract');
  for (const interfaceId of ['01ffc9a7', '80ac58cd']) {
    await scriptCall(
      contract,
      `${call('supportsInterface(bytes4)')}${interfaceId.padEnd(64, '0')}`,
      'returns',
      `0x${word('1')}`,
    );
  }
  return contract;
}

it.each<[string, string, keyof typeof END, string, object]>([
  ['reverts without a word', '1', 'reverts', '0x', { reason: 'contract_reverted' }],
  ['has no more gas', '1', 'endless', '0x', { reason: 'contract_reverted' }],
  ['runs into an invalid opcode', '1', 'invalid', '0x', { reason: 'contract_reverted' }],
  [
    'says that the token is not minted',
    '1',
    'reverts',
    `0x08c379a0${string('ERC721URIStorage: URI query for nonexistent token').slice(2)}`,
    { error_code: 'token_not_found', reason: 'contract_reverted' },
  ],
  ['returns nothing', '1', 'returns', '0x', { reason: 'invalid_token_uri' }],
  ['returns a number', '1', 'returns', `0x${word('7')}`, { reason: 'invalid_token_uri' }],
  ['returns a text in 32 bytes', '1', 'returns', `0x${'61'.repeat(32)}`, { reason: 'invalid_token_uri' }],
  [
    'returns a text of 2^256 - 1 bytes',
    '1',
    'returns',
    `0x${word('32')}${'f'.repeat(64)}`,
    { reason: 'invalid_token_uri' },
  ],
  [
    'returns bytes that are no UTF-8',
    '1',
    'returns',
    `0x${word('32')}${word('1')}ff${'0'.repeat(62)}`,
    { error_code: 'unable_to_decode_response', reason: 'invalid_token_uri', client_response_status_code: null },
  ],
])('a contract that %s for one token spoils no other one', async (_, tokenId, end, data, error) => {
  const contract = await aScriptedErc721();
  await scriptCall(contract, call('tokenURI(uint256)', '2'), 'returns', string(`${test.metadataApi.url}/unspoiled/2`));
  await scriptCall(contract, call('tokenURI(uint256)', tokenId), end, data);
  await scriptCall(contract, call('ownerOf(uint256)', tokenId), 'returns', `0x${word('1234')}`);
  const project = await aProjectOf(contract, [tokenId, '2']);

  const { errors } = await refreshed(project, [tokenId, '2']);

  expect(Object.keys(errors)).toEqual([tokenId]);
  expect(errors[tokenId]).toMatchObject({
    error_code:
      error['reason' as never] === 'contract_reverted' ? 'unable_to_retrieve_metadata' : 'unable_to_decode_response',
    client_response_body: null,
    ...error,
  });
});

it.each([
  ['with a slash at its end [A7]', '/'],
  ['without one [A8]', ''],
  ['with two and a blank [A8]', '// '],
])('where tokenURI reverts, the rule base_uri takes baseURI and the id: %s', async (_, end) => {
  const contract = await aScriptedErc721();
  await scriptCall(contract, call('baseURI()'), 'returns', string(`${test.metadataApi.url}/api/card${end}`));
  const project = await aProjectOf(contract, ['5710384980761197878'], 'base_uri');

  await refreshed(project, ['5710384980761197878']);

  expect(await readToken(project, '5710384980761197878')).toMatchObject({
    metadata_url: `${test.metadataApi.url}/api/card/5710384980761197878`,
  });
});

it('without the rule base_uri a contract whose tokenURI reverts is not asked for its baseURI', async () => {
  const contract = await aScriptedErc721();
  await scriptCall(contract, call('baseURI()'), 'returns', string(`${test.metadataApi.url}/not-asked/`));
  const project = await aProjectOf(contract, ['1']);

  expect((await refreshed(project, ['1'])).errors['1']).toMatchObject({ error_code: 'token_not_found' });
  expect(rpc.asking(call('baseURI()'))).toEqual([]);
});

it('with the rule base_uri a contract without baseURI is asked for it, and the token fails as before', async () => {
  const contract = await aScriptedErc721();
  await scriptCall(contract, call('ownerOf(uint256)', '1'), 'returns', `0x${word('1234')}`);
  const project = await aProjectOf(contract, ['1'], 'base_uri');

  expect((await refreshed(project, ['1'])).errors['1']).toMatchObject({ reason: 'contract_reverted' });
  expect(rpc.asking(call('baseURI()')).length).toBeGreaterThan(0);
});

it.each<[UriRule, string, string]>([
  ['append_decimal', '/base', '/base/42'],
  ['append_decimal', '/base/', '/base/42'],
  ['as_is', '/cards/{id}', '/cards/{id}'],
  ['standard', '/cards/{id}', `/cards/${'2a'.padStart(64, '0')}`],
])('by the rule %s an ERC-1155 token whose URI is %s has its document at %s', async (uriRule, uri, path) => {
  const potions = await anvil.deploy('Potions');
  await anvil.send(potions, 'setUri', `${test.metadataApi.url}${uri}`);
  const project = await aProjectOf(potions, ['42'], uriRule);

  await refreshed(project, ['42']);

  const asked = decodeURI(new URL(String((await readToken(project, '42'))['metadata_url'])).pathname);
  expect(asked).toBe(path);
});

it.each([
  ['tokenURI', 'tokenURI(uint256)'],
  ['uri', 'uri(uint256)'],
])('a contract that does not say which standard it has is read through its function %s', async (_, signature) => {
  const contract = await anvil.deploy('ScriptedContract');
  await scriptCall(contract, call(signature, '1'), 'returns', string(`${test.metadataApi.url}/untold/1`));
  const project = await aProjectOf(contract, ['1']);

  expect(await refreshed(project, ['1'])).toMatchObject({ summary: { succeeded: 1 } });
  expect(rpc.asking(TOKEN_URI).length).toBe(1);
});

it('a collection at an address without a contract fails as no_contract', async () => {
  const project = await test.aProject({
    tokens: ['1'],
    contract: { chainId: anvil.chainId, address: '0x000000000000000000000000000000000000c0de' },
  });

  expect((await refreshed(project, ['1'])).errors['1']).toMatchObject({
    error_code: 'unable_to_retrieve_metadata',
    reason: 'no_contract',
  });
});

it('a document inside the token URI is read, and only its beginning is shown', async () => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 1, `data:application/json,{"name":"${'on chain '.repeat(500)}"}`);
  const project = await aProjectOf(cards, ['1']);

  await refreshed(project, ['1']);

  expect(await readToken(project, '1')).toMatchObject({
    name: expect.stringMatching(/^on chain on chain/) as string,
    metadata_url: 'data:application/json,…',
  });
});

it('a failure of the contract leaves the good record unchanged', async () => {
  const cards = await anvil.deploy('Cards');
  await anvil.send(cards, 'mint', 1, `${test.metadataApi.url}/kept/1`);
  const project = await aProjectOf(cards, ['1']);
  await refreshed(project, ['1']);
  const before = await readToken(project, '1');
  await anvil.send(cards, 'mint', 1, '');

  await refreshed(project, ['1']);

  const kept = ['name', 'document', 'content_hash', 'changed_at', 'metadata_version', 'metadata_url'] as const;
  const after = await readToken(project, '1');
  for (const field of kept) expect([field, after[field]]).toEqual([field, before[field]]);
  expect(after).toMatchObject({ metadata_status: 'stale', last_error_reason: 'no_uri' });
});

it('a collection on a chain without an RPC URL is refused when a refresh is requested, and the response says why', async () => {
  const address = '0x000000000000000000000000000000000000dead';
  const project = await test.aProject({ tokens: ['1'], contract: { chainId: 137, address } });

  const { body } = await http(test.app)
    .post('/v1/metadata-refreshes')
    .set(await signedHeaders(project))
    .send({ collection_address: address, token_ids: ['1'] })
    .expect(400);

  expect(body).toEqual({
    code: 'source_not_supported',
    message: `Collection ${address} is read from its contract on chain 137, for which this deployment has no RPC URL.`,
  });
});
