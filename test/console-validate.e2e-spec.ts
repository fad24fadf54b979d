import { Collections } from '@app/token-store';
import {
  collectionListSchema,
  limitsSchema,
  newRefreshSchema,
  refreshDetailsSchema,
  sessionSchema,
  validationSchema,
  type ConsoleError,
} from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape, startConsoleHost } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';
import { readStoredRows } from './support/validations.js';

let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);
const validate = (visitor: ConsoleVisitor, { collectionId }: TestProject, tokenIds: readonly string[]) =>
  visitor.post('validate', { collectionId, tokenIds });
const lastAction = async () =>
  (
    await test.database.query(
      'select who, project_id, action, target, outcome from nft_metadata.console_actions order by id desc limit 1',
    )
  )[0];

it('a validation tells a partner what a refresh would do with each token, counts towards the quota, and stores nothing else', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3', '4'], limits: { tokensPerHour: 10 } });
  await refreshOnce(test, project, ['1', '2']);
  test.metadataApi
    .respond('1', 200, { name: 'Dragon', image: '/1.png', attributes: [{ trait_type: 'Hat', value: 'Crown' }] })
    .respond('3', 404, '<h1>Not found</h1>')
    .respond('4', 302, '', { location: '/moved/4th' });
  await test.database.query(`update nft_metadata.tokens set held_until = 'infinity' where token_id = 4`);
  const partner = await aPartner(project);
  const before = await readStoredRows(test);

  const validation = expectShape(validationSchema, await validate(partner, project, ['1', '2', '3', '4', '99']));

  expect(validation).toMatchObject({
    collection: { id: project.collectionId, chainId: 1, address: project.collectionAddress },
    verdicts: { updated: 1, unchanged: 1, superseded: 0, held: 1, failed: 2, not_tried: 0, not_finished: 0 },
    warnings: [{ code: 'relative_image', tokens: 1 }],
    cooldown: null,
    quota: { limit: 10, used: 7, remaining: 3 },
  });
  expect(validation.tokens).toMatchObject([
    {
      tokenId: '1',
      verdict: 'updated',
      name: 'Dragon',
      traitsAdded: [{ traitType: 'Hat', value: 'Crown' }],
      warnings: [{ code: 'relative_image', message: expect.stringMatching(/^The URL in image was dropped/) as string }],
      document: expect.stringContaining('"Dragon"') as string,
    },
    { tokenId: '2', verdict: 'unchanged', changedFields: [] },
    {
      tokenId: '3',
      verdict: 'failed',
      requests: [{ statusCode: 404, outcome: 'bad_status', reason: 'status_404' }],
      error: {
        reason: 'status_404',
        title: 'Your server has no document for these tokens',
        isRetriedByRefresh: false,
        body: '<h1>Not found</h1>',
      },
    },
    { tokenId: '4', verdict: 'held', requests: [{ redirects: [`${test.metadataApi.url}/moved/4th`] }] },
    { tokenId: '99', verdict: 'failed', requests: [], error: { reason: 'not_registered' } },
  ]);
  expect(await readStoredRows(test)).toEqual(before);
  expect(await lastAction()).toEqual({
    who: 'Studio',
    project_id: project.id,
    action: 'collection.validate',
    target: `1/${project.collectionAddress}`,
    outcome: 'done',
  });
});

it('a validation by an operator counts towards nothing, and its tokens can be refreshed then', async () => {
  const project = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerHour: 0 } });

  expect(expectShape(validationSchema, await validate(operator, project, ['1', '2']))).toMatchObject({
    verdicts: { updated: 2 },
    quota: null,
  });
  const { refreshId } = expectShape(
    newRefreshSchema,
    await operator.post(`collections/${project.collectionId}/refresh`, { tokenIds: ['1', '2'] }),
  );
  expect((await operator.read(`refreshes/${refreshId}`, refreshDetailsSchema)).refresh).toMatchObject({ total: 2 });
  expect(await lastAction()).toMatchObject({ who: 'Mira', project_id: project.id, action: 'collection.refresh' });
});

it('a partner validates and refreshes collections of its own project only, and sees no others [K20]', async () => {
  const project = await test.aProject({ tokens: ['1'], limits: { tokensPerHour: 5 } });
  const stranger = await test.aProject({ tokens: ['1'] });
  const partner = await aPartner(project);
  const unknown = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

  const [others, none] = [
    await validate(partner, stranger, ['1']),
    await partner.post('validate', { collectionId: unknown, tokenIds: ['1'] }),
  ];
  expect([others.status, none.status]).toEqual([404, 404]);
  expect((others.body as ConsoleError).message).toBe((none.body as ConsoleError).message);
  await partner.post(`collections/${stranger.collectionId}/refresh`, { tokenIds: ['1'] }).expect(404);
  expect(await lastAction()).toMatchObject({ action: 'collection.refresh', outcome: 'not_found' });
  expect((await partner.read('collections', collectionListSchema)).rows).toMatchObject([
    { id: project.collectionId, project: null, canFetch: true },
  ]);
  expect((await operator.read('collections', collectionListSchema)).rows.map(({ id }) => id)).toEqual(
    expect.arrayContaining([project.collectionId, stranger.collectionId]),
  );

  const refreshed = await partner.post(`collections/${project.collectionId}/refresh`, { tokenIds: ['1'] });
  expectShape(newRefreshSchema, refreshed);
  expect((await partner.read('limits', limitsSchema)).quota).toMatchObject({ used: 1 });
});

it('an address on two chains is validated and refreshed on the chain of the chosen collection', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const other = await test.app.get(Collections).add({
    chainId: 5,
    address: project.collectionAddress,
    projectId: project.id,
    source: { kind: 'metadata_api', url: `${test.metadataApi.url}/on-five` },
  });
  const partner = await aPartner(project);

  const validation = expectShape(validationSchema, await validate(partner, project, ['1']));
  expect(validation.collection).toMatchObject({ id: project.collectionId, chainId: 1 });
  const { refreshId } = expectShape(
    newRefreshSchema,
    await partner.post(`collections/${other.id}/refresh`, { tokenIds: ['1'] }),
  );
  const { refresh } = await partner.read(`refreshes/${refreshId}`, refreshDetailsSchema);
  expect(refresh.collection).toMatchObject({ id: other.id, chainId: 5 });
});

it('a validation is refused with a reason: too many tokens, a used-up quota, pushed metadata', async () => {
  const project = await test.aProject({ tokens: ids(3), limits: { tokensPerHour: 2 } });
  const pushed = await test.app.get(Collections).add({
    chainId: 7,
    address: project.collectionAddress,
    projectId: project.id,
    source: { kind: 'pushed' },
  });
  const partner = await aPartner(project);
  const refusal = async (response: PromiseLike<{ status: number; body: unknown }>) => {
    const { status, body } = await response;
    const { code, message } = body as ConsoleError;
    return [status, code, message];
  };

  expect(await refusal(validate(partner, project, ids(21)))).toEqual([400, 'invalid_request', expect.any(String)]);
  expect(await refusal(validate(partner, project, ids(3)))).toEqual([
    429,
    'limit_reached',
    expect.stringMatching(/hour/),
  ]);
  expect(await lastAction()).toMatchObject({ action: 'collection.validate', outcome: 'limit_reached' });
  expect(await refusal(partner.post('validate', { collectionId: pushed.id, tokenIds: ['1'] }))).toEqual([
    409,
    'conflict',
    expect.any(String),
  ]);
  expect((await partner.read('collections', collectionListSchema)).rows).toMatchObject([
    { canFetch: true },
    { id: pushed.id, canFetch: false },
  ]);
});

it('a person who may change nothing has no page for validations, and gets 403 [K22]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const host = await startConsoleHost(test.database, test.metadataApi, { mayAct: false });
  try {
    const reader = await new ConsoleVisitor(host).asOperator();

    expect((await reader.read('session', sessionSchema)).pages).not.toContain('validate');
    await validate(reader, project, ['1']).expect(403);
    await reader.post(`collections/${project.collectionId}/refresh`, { tokenIds: ['1'] }).expect(403);
    await reader.post('validate', {}).expect(403);
    await reader.post(`collections/${project.collectionId}/refresh`, {}).expect(403);
  } finally {
    await host.close();
  }
  expect((await operator.read('session', sessionSchema)).pages).toContain('validate');
});
