import { MetadataRefreshService } from '@app/metadata-refresh';
import { Collections, TokenStore, type CollectionChange } from '@app/token-store';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { expectExactCounts } from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterEach(() => {
  test.metadataApi.forgetScripts();
  return expectExactCounts(test);
});
afterAll(() => test.stop());

const aProjectWith = async (change: CollectionChange): Promise<TestProject> => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  await test.app.get(Collections).update(project.collectionId, change);
  return project;
};

const push = ({ id, collectionAddress }: TestProject, name: string, tokenId = '1') =>
  test.app
    .get(MetadataRefreshService)
    .push(
      { id, tokensPerHour: null, tokensPerRequest: null },
      { chainId: 1, collectionAddress, tokens: [{ tokenId, document: { name } }] },
    );

const recordOf = async ({ collectionId }: TestProject, tokenId = '1') =>
  (await test.app.get(TokenStore).findToken({ collectionId, tokenId }))!;

async function refresh(project: TestProject, tokenIds = ['1']): Promise<Record<string, unknown>> {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return readRefresh(test.app, project, refreshId);
}

describe('metadata that is pushed and fetched', () => {
  it('under push_wins, a token with pushed metadata is not fetched, and its refresh succeeds as superseded [V10]', async () => {
    const project = await aProjectWith({ pushPolicy: 'push_wins' });
    test.metadataApi.respond('1', 500, 'down').respond('2', 200, { name: 'Fetched' });
    await push(project, 'Pushed');
    const hits = test.metadataApi.hits.get('1') ?? 0;

    const receipt = await refresh(project, ['1', '2']);

    expect(receipt).toMatchObject({
      status: 'completed',
      summary: { succeeded: 2, failed: 0 },
      verdicts: { superseded: 1, updated: 1 },
    });
    expect(test.metadataApi.hits.get('1') ?? 0).toBe(hits);
    expect(await recordOf(project)).toMatchObject({ name: 'Pushed', metadataStatus: 'ok', pushedBy: project.id });
    expect(await recordOf(project, '2')).toMatchObject({ name: 'Fetched', pushedBy: null });
  });

  it('under last_wins, which a collection with a Metadata API has by default, a later fetch replaces pushed metadata [V10]', async () => {
    const project = await aProjectWith({});
    test.metadataApi.respond('1', 200, { name: 'Fetched' });
    await push(project, 'Pushed');

    const receipt = await refresh(project);

    expect(receipt).toMatchObject({ verdicts: { updated: 1, superseded: 0 } });
    expect(await recordOf(project)).toMatchObject({ name: 'Fetched', metadataSource: 'metadata_api', pushedBy: null });
  });

  it('under push_wins, a push of a token that is being fetched stays, and so does the next one [V11]', async () => {
    const project = await aProjectWith({ pushPolicy: 'push_wins' });
    test.metadataApi.script('1', {
      status: 200,
      body: { name: 'Fetched' },
      before: async () => void (await push(project, 'Pushed')),
    });

    const receipt = await refresh(project);
    await push(project, 'Pushed again');

    expect(receipt).toMatchObject({ verdicts: { superseded: 1 }, summary: { succeeded: 1 } });
    expect(await recordOf(project)).toMatchObject({ name: 'Pushed again', metadataVersion: 2 });
  });

  it('a policy that changes holds for the next refresh', async () => {
    const project = await aProjectWith({ pushPolicy: 'push_wins' });
    test.metadataApi.respond('1', 200, { name: 'Fetched' });
    await push(project, 'Pushed');
    await refresh(project);
    const before = await recordOf(project);

    await http(test.app)
      .patch(`/v1/collections/${project.collectionAddress}`)
      .set('x-api-key', project.apiKey)
      .send({ push_policy: 'last_wins' })
      .expect(200);
    await refresh(project);

    expect([before.name, (await recordOf(project)).name]).toEqual(['Pushed', 'Fetched']);
  });

  it('a collection whose source is pushed takes pushes, keeps them by default, and refuses refreshes [Z37]', async () => {
    const project = await aProjectWith({ source: { kind: 'pushed' } });
    await push(project, 'Pushed');

    const collection = await http(test.app)
      .get(`/v1/collections/${project.collectionAddress}`)
      .set('x-api-key', project.apiKey)
      .expect(200);
    const refused = await http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] });
    const validation = await http(test.app)
      .post('/v1/metadata-refreshes/validate')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] });

    expect(collection.body).toMatchObject({ source: 'pushed', metadata_url: null, push_policy: 'push_wins' });
    for (const { status, body } of [refused, validation]) {
      expect([status, body]).toEqual([
        400,
        expect.objectContaining({
          code: 'source_not_supported',
          message: expect.stringContaining('pushes the metadata') as string,
        }),
      ]);
    }
    expect((await recordOf(project)).name).toBe('Pushed');
  });

  it('the record of the token API says that its metadata was pushed, and by which project', async () => {
    const project = await aProjectWith({});
    await push(project, 'Pushed');

    const { body } = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1`).expect(200);

    expect(body).toMatchObject({ metadata_source: 'pushed', pushed_by: project.id, metadata_url: null });
  });
});
