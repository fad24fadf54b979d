import {
  Configuration,
  ImmutableX,
  MetadataRefreshesApi,
  type EthSigner,
  type ImmutableXConfiguration,
} from '@imtbl/core-sdk';
import { MetadataRefreshService } from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { signedHeaders } from './support/project-api.js';
import { control, untilStatus } from './support/refresh-control.js';
import { acceptedId } from './support/selections.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let project: TestProject;
let client: ImmutableX;
let signer: EthSigner;
let basePath: string;
beforeAll(async () => {
  test = await startApp();
  await test.app.listen(0, '127.0.0.1');
  basePath = await test.app.getUrl();
  const nowhere = `0x${'0'.repeat(40)}`;
  client = new ImmutableX({
    apiConfiguration: new Configuration({ basePath }),
    ethConfiguration: { coreContractAddress: nowhere, registrationContractAddress: nowhere, chainID: 5 },
  } satisfies ImmutableXConfiguration);
  project = await test.aProject({ tokens: ['1', '2', '3'] });
  // The client's types are of an older ethers; of a signer it needs no more than an address and signed messages.
  signer = project.wallet as unknown as EthSigner;
});
afterAll(() => test.stop());

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;
const request = (token_ids: string[], collection_address = project.collectionAddress) => ({
  collection_address,
  token_ids,
});

describe('the published client of Immutable X', () => {
  it('the published client of Immutable X requests a refresh, and reads its status, its errors and the list', async () => {
    test.metadataApi.respond('2', 404, 'not here');

    const { refresh_id } = await client.createMetadataRefresh(signer, request(['1', '2', '9']));
    const queued = await client.getMetadataRefreshResults(signer, refresh_id);
    await test.worker.runOnce();
    const completed = await client.getMetadataRefreshResults(signer, refresh_id);
    const errors = await client.getMetadataRefreshErrors(signer, refresh_id);
    const list = await client.listMetadataRefreshes(signer);

    expect(queued).toMatchObject({ refresh_id, status: 'in_progress', completed_at: null });
    expect(completed).toMatchObject({
      status: 'completed',
      collection_address: project.collectionAddress,
      summary: { succeeded: 1, failed: 2, pending: 0 },
    });
    expect(errors.result.map(({ token_id, error_code }) => [token_id, error_code])).toEqual([
      ['2', 'invalid_response_status_code'],
      ['9', 'token_not_found'],
    ]);
    expect(errors).toMatchObject({ remaining: 0, cursor: expect.stringMatching(/./) as string });
    expect(list.result[0]).toMatchObject({ refresh_id, status: 'completed' });
  });

  it('the published client of Immutable X walks pages with the parameters that its examples send: page_size=200, cursor= and collection_address=', async () => {
    for (let count = 0; count < 3; count += 1) await client.createMetadataRefresh(signer, request(['1']));
    const all = await client.listMetadataRefreshes(signer, '', 200, '');

    const first = await client.listMetadataRefreshes(signer, project.collectionAddress, 2);
    const second = await client.listMetadataRefreshes(signer, project.collectionAddress, 200, first.cursor);

    expect([...first.result, ...second.result]).toEqual(all.result);
    expect([first.remaining, second.remaining]).toEqual([1, 0]);
  });

  it('the published client of Immutable X reads refreshes that were selected, scheduled, paused, cancelled and retried like any other, and none that nobody requested [T25]', async () => {
    const studio = await test.aProject({ tokens: ['1', '2', '3'] });
    const owner = studio.wallet as unknown as EthSigner;
    test.metadataApi.respond('1', 200, { name: 'One' }).respond('2', 404, 'gone').respond('3', 200, { name: 'Three' });

    const selected = await acceptedId(test, studio, { all: true });
    await test.worker.runOnce();
    const retried = ((await control(test.app, studio, selected, 'retry').expect(202)).body as { refresh_id: string })
      .refresh_id;
    await test.worker.runOnce();
    const scheduled = await acceptedId(test, studio, {
      token_ids: ['1'],
      not_before: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const paused = await acceptedId(test, studio, { token_ids: ['1', '3'], priority: 'low' });
    await control(test.app, studio, paused, 'pause').expect(202);
    const cancelled = await acceptedId(test, studio, { tokens: [{ from: '1', to: '2' }] });
    await control(test.app, studio, cancelled, 'cancel').expect(202);
    await untilStatus(test, studio, cancelled, 'completed');
    const [collection] = await test.app.get(Collections).findByAddress(studio.collectionAddress);
    await test.app
      .get(MetadataRefreshService)
      .requestSelection(collection!, { selection: { all: true }, trigger: 'event' });

    const asked = [cancelled, paused, scheduled, retried, selected];
    const results = await Promise.all(asked.map((id) => client.getMetadataRefreshResults(owner, id)));
    const list = await client.listMetadataRefreshes(owner);

    const shown = { collection_address: studio.collectionAddress, started_at: expect.stringMatching(TIME) as string };
    const time = expect.stringMatching(TIME) as string;
    const expected = [
      { status: 'completed', completed_at: time, summary: { succeeded: 0, failed: 0, pending: 0 } },
      { status: 'queued', completed_at: null, summary: { succeeded: 0, failed: 0, pending: 2 } },
      { status: 'queued', completed_at: null, summary: { succeeded: 0, failed: 0, pending: 1 } },
      { status: 'completed', completed_at: time, summary: { succeeded: 0, failed: 1, pending: 0 } },
      { status: 'completed', completed_at: time, summary: { succeeded: 2, failed: 1, pending: 0 } },
    ].map((fields, index) => ({ refresh_id: asked[index], ...shown, ...fields }));
    expect(results).toMatchObject(expected);
    expect(list.result).toMatchObject(expected);
    expect((await client.getMetadataRefreshErrors(owner, cancelled)).result).toEqual([]);
    expect((await client.getMetadataRefreshErrors(owner, retried)).result).toMatchObject([
      { token_id: '2', error_code: 'invalid_response_status_code', client_response_status_code: 404 },
    ]);
  });

  it('the published client of Immutable X sends one signature many times within a second, and all are accepted', async () => {
    const lists = await Promise.all(Array.from({ length: 10 }, () => client.listMetadataRefreshes(signer)));

    expect(lists).toHaveLength(10);
  });

  it.each<[string, string, () => Promise<unknown>]>([
    [
      'a refresh that is not there',
      'refresh_not_found',
      () => client.getMetadataRefreshResults(signer, '0b6f2d7c-5a55-4d2e-9a5e-111111111111'),
    ],
    ['a wrong page size', 'input_validation_failed', () => client.listMetadataRefreshes(signer, undefined, 201)],
    ['no tokens', 'input_validation_failed', () => client.createMetadataRefresh(signer, request([]))],
    [
      'a foreign collection',
      'forbidden',
      () => client.createMetadataRefresh(signer, request(['1'], `0x${'1'.repeat(40)}`)),
    ],
    [
      'more tokens than the hour has',
      'refresh_limit_exceeded',
      async () => {
        const poor = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerHour: 1 } });
        await client.createMetadataRefresh(
          poor.wallet as unknown as EthSigner,
          request(['1', '2'], poor.collectionAddress),
        );
      },
    ],
  ])('the published client of Immutable X throws an IMXError with our code for %s: %s', async (_, code, ask) => {
    await expect(ask()).rejects.toMatchObject({ code, message: expect.stringMatching(/./) as string });
  });

  it('the published client of Immutable X is unauthorized if its address and its key do not match', async () => {
    const stranger = (await test.aProject()).wallet.derivePath('7') as unknown as EthSigner;

    await expect(client.listMetadataRefreshes(stranger)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('the MetadataRefreshesApi of the published client of Immutable X reads the limit headers of a 202', async () => {
    const api = new MetadataRefreshesApi(new Configuration({ basePath }));
    const headers = await signedHeaders(project);

    const {
      status,
      data,
      headers: receiptHeaders,
    } = await api.requestAMetadataRefresh({
      xImxEthAddress: headers['x-imx-eth-address']!,
      xImxEthTimestamp: headers['x-imx-eth-timestamp']!,
      xImxEthSignature: headers['x-imx-eth-signature']!,
      createMetadataRefreshRequest: request(['1']),
    });

    expect(status).toBe(202);
    expect(data).toEqual({ refresh_id: expect.any(String) as string });
    expect(receiptHeaders).toMatchObject({ 'x-imx-refreshes-limit': '30000' });
  });
});
