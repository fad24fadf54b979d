import { LINT_MESSAGES } from '@app/metadata-refresh';
import {
  revealChangesSchema,
  revealDetailsSchema,
  revealListSchema,
  sessionSchema,
  type ConsoleError,
} from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape, startConsoleHost } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import {
  aProjectWithEggs,
  createReveal,
  dragon,
  stageReveal,
  untilReveal,
  type RevealProject,
} from './support/reveals.js';
import type { TestApp } from './support/start-app.js';

let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());

const aPartner = (project: RevealProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);
const read = async (visitor: ConsoleVisitor, revealId: string) =>
  (await visitor.read(`reveals/${revealId}`, revealDetailsSchema)).reveal;
const actionsOf = (revealId: string) =>
  test.database.query(
    'select who, project_id, action, outcome from nft_metadata.console_actions where target = $1 order by id',
    [revealId],
  );

it('a reveal is followed from its first fetch, published, and reverted, with a row for each action', async () => {
  const project = await aProjectWithEggs(test);
  const { revealId, refreshId } = await createReveal(test, project);
  const partner = await aPartner(project);

  expect(await read(partner, revealId)).toMatchObject({
    project: null,
    collection: { id: project.collectionId },
    refreshId,
    state: 'staging',
    total: 4,
    required: 4,
    pending: 4,
    actions: { publish: false, publishAnyway: false, cancel: true, revert: false },
  });
  await test.worker.runOnce();
  expect(await read(partner, revealId)).toMatchObject({
    state: 'staged',
    staged: 4,
    isReady: true,
    actions: { publish: true, cancel: true },
  });

  expectShape(revealDetailsSchema, await partner.post(`reveals/${revealId}/publish`));
  await untilReveal(test, project, { revealId }, 'published');
  expect(await read(partner, revealId)).toMatchObject({
    state: 'published',
    outcome: { updated: 4 },
    actions: { publish: false, cancel: false, revert: true },
  });

  expectShape(revealDetailsSchema, await operator.post(`reveals/${revealId}/revert`, { holdHours: 24 }));
  await untilReveal(test, project, { revealId }, 'reverted');
  expect(await read(operator, revealId)).toMatchObject({
    project: { name: 'Studio' },
    state: 'reverted',
    reverted: { restored: 4, changedSince: 0 },
    actions: { revert: false },
  });
  const [held] = await test.database.query<{ hours: number }>(
    `select round(extract(epoch from min(held_until) - now()) / 3600)::int as hours
     from nft_metadata.tokens where collection_id = $1`,
    [project.collectionId],
  );
  expect(held!.hours).toBe(24);
  expect(await actionsOf(revealId)).toEqual([
    { who: 'Studio', project_id: project.id, action: 'reveal.publish', outcome: 'done' },
    { who: 'Mira', project_id: project.id, action: 'reveal.revert', outcome: 'done' },
  ]);
});

it('a reveal with failed tokens is published without them only when that is said', async () => {
  const project = await aProjectWithEggs(test);
  test.metadataApi.respond('1', 404, '');
  const { revealId } = await stageReveal(test, project);
  const partner = await aPartner(project);

  expect(await read(partner, revealId)).toMatchObject({
    state: 'staged',
    staged: 3,
    failed: 1,
    isReady: false,
    actions: { publish: false, publishAnyway: true },
  });
  const refused = await partner.post(`reveals/${revealId}/publish`);
  expect([refused.status, (refused.body as ConsoleError).code]).toEqual([409, 'conflict']);
  await partner.post(`reveals/${revealId}/publish`, { minSucceeded: 0 }).expect(400);
  await partner.post(`reveals/${revealId}/publish`, { minSucceeded: 0.75 }).expect(200);
  await untilReveal(test, project, { revealId }, 'published');
  expect(await read(partner, revealId)).toMatchObject({ outcome: { updated: 3 } });
});

it('a staged reveal says what its publication would change, and what the studio may not have meant', async () => {
  const project = await aProjectWithEggs(test);
  test.metadataApi.respond('4', 200, dragon('2'), { etag: '"again"' });
  const { revealId } = await createReveal(test, project);
  const partner = await aPartner(project);
  const before = await partner.read(`reveals/${revealId}/changes`, revealChangesSchema);
  await test.worker.runOnce();

  const { changes, findings } = await partner.read(`reveals/${revealId}/changes`, revealChangesSchema);

  expect(before).toMatchObject({ changes: null, findings: null });
  expect(changes).toMatchObject({
    updated: 4,
    firstMetadata: 0,
    unchanged: 0,
    superseded: 0,
    missing: 0,
    notStaged: 0,
  });
  expect(Object.fromEntries(changes!.fields.map(({ field, tokens }) => [field, tokens]))).toEqual({
    name: 4,
    image_url: 4,
    image_original: 4,
    attributes: 4,
  });
  expect(changes!.traits).toEqual({
    tokens: 4,
    added: 4,
    removed: 4,
    valuesAdded: 2,
    valuesRemoved: 1,
    typesAdded: 1,
    typesRemoved: 1,
  });
  expect(findings).toContainEqual({
    code: 'duplicate_document',
    message: LINT_MESSAGES['duplicate_document'],
    count: 2,
    examples: [expect.objectContaining({ tokens: 2, tokenIds: ['2', '4'] })],
  });
  expect((await operator.read(`reveals/${revealId}/changes`, revealChangesSchema)).changes).toMatchObject({
    updated: 4,
  });
  await (await aPartner(await aProjectWithEggs(test))).get(`reveals/${revealId}/changes`).expect(404);
  await operator.post(`reveals/${revealId}/cancel`).expect(200);
  expect(await operator.read(`reveals/${revealId}/changes`, revealChangesSchema)).toMatchObject({
    changes: null,
    findings: null,
  });
});

it('a reveal is cancelled, and then nothing can be done with it', async () => {
  const project = await aProjectWithEggs(test);
  const { revealId } = await stageReveal(test, project);

  expectShape(revealDetailsSchema, await operator.post(`reveals/${revealId}/cancel`));

  expect(await read(operator, revealId)).toMatchObject({
    state: 'cancelled',
    actions: { publish: false, publishAnyway: false, cancel: false, revert: false },
  });
  await operator.post(`reveals/${revealId}/publish`).expect(409);
  await operator.post(`reveals/${revealId}/revert`).expect(409);
  expect(await actionsOf(revealId)).toMatchObject([
    { action: 'reveal.cancel', outcome: 'done' },
    { action: 'reveal.publish', outcome: 'conflict' },
    { action: 'reveal.revert', outcome: 'conflict' },
  ]);
});

it('reveals are listed newest first, to a partner those of its project, and another’s is as one that does not exist [K20]', async () => {
  const [project, other] = [await aProjectWithEggs(test), await aProjectWithEggs(test)];
  const { revealId } = await stageReveal(test, project);
  const { revealId: others } = await createReveal(test, other);
  const partner = await aPartner(project);

  expect((await partner.read('reveals', revealListSchema)).rows.map(({ id }) => id)).toEqual([revealId]);
  const all = await operator.read('reveals', revealListSchema);
  expect(all.rows.slice(0, 2)).toMatchObject([
    { id: others, project: { id: other.id } },
    { id: revealId, project: { id: project.id } },
  ]);
  const unknown = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';
  for (const id of [others, unknown, 'no-id']) {
    await partner.get(`reveals/${id}`).expect(404);
    for (const step of ['publish', 'cancel', 'revert']) await partner.post(`reveals/${id}/${step}`).expect(404);
  }
  await partner.get('reveals?cursor=nonsense').expect(400);
  expect((await partner.read('session', sessionSchema)).pages).toContain('reveals');
});

it('who may change nothing sees a reveal without actions, and gets 403 [K22]', async () => {
  const project = await aProjectWithEggs(test);
  const { revealId } = await stageReveal(test, project);
  const host = await startConsoleHost(test.database, test.metadataApi, { mayAct: false });
  try {
    const reader = await new ConsoleVisitor(host).asOperator();

    expect((await read(reader, revealId)).actions).toEqual({
      publish: false,
      publishAnyway: false,
      cancel: false,
      revert: false,
    });
    for (const step of ['publish', 'cancel', 'revert']) await reader.post(`reveals/${revealId}/${step}`).expect(403);
    await reader.post(`reveals/${revealId}/publish`, { minSucceeded: 0 }).expect(403);
    await reader.post(`reveals/${revealId}/revert`, { holdHours: 'a while' }).expect(403);
  } finally {
    await host.close();
  }
});
