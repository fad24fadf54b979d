import { Projects } from '@app/project-auth';
import { Collections } from '@app/token-store';
import { Wallet } from 'ethers';
import { projectListSchema, projectSchema } from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape, startConsoleHost } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { requestRefresh } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';

const UNKNOWN = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

let test: TestApp;
let operator: ConsoleVisitor;
beforeEach(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterEach(() => test.stop());

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);
const prefixOf = ({ apiKey }: TestProject) => apiKey.split('_')[1]!;

it('a project shows its quota, limits, keys, collections and newest refreshes, to operators and to its partner', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'], limits: { tokensPerHour: 10 } });
  await test.app.get(Projects).createApiKey(project.id);
  await test.app.get(Projects).revokeApiKey(project.id, prefixOf(project));
  const signedIn = { ...project, apiKey: await test.app.get(Projects).createApiKey(project.id) };
  const pushed = await test.app.get(Collections).add({
    chainId: 137,
    address: Wallet.createRandom().address,
    projectId: project.id,
    source: { kind: 'pushed' },
  });
  const first = await refreshOnce(test, project, ['1', '2']);
  const second = await requestRefresh(test.app, signedIn, ['3']);

  for (const visitor of [operator, await aPartner(signedIn)]) {
    const { project: shown } = await visitor.read(`projects/${project.id}`, projectSchema);
    const { rows } = await visitor.read('projects', projectListSchema);

    expect(shown).toMatchObject({
      id: project.id,
      name: 'Studio',
      ownerAddress: project.wallet.address.toLowerCase(),
      quota: { limit: 10, used: 3, remaining: 7 },
      keys: 2,
      collections: 2,
      limits: {
        own: { requestsPerSecond: 1000, tokensPerHour: 10, tokensPerRequest: null, tokensPerSelection: null },
        effective: { requestsPerSecond: 1000, tokensPerHour: 10, tokensPerRequest: 1000 },
      },
      collectionList: [
        {
          id: project.collectionId,
          address: project.collectionAddress,
          tokens: 3,
          source: 'metadata_api',
          metadataUrl: `${test.metadataApi.url}/${project.collectionAddress}`,
          pushPolicy: 'last_wins',
        },
        { id: pushed.id, chainId: 137, tokens: 0, source: 'pushed', metadataUrl: null, pushPolicy: 'push_wins' },
      ],
      refreshes: [
        { id: second, state: 'queued', total: 1 },
        { id: first, state: 'completed', total: 2 },
      ],
      actions: { setLimits: visitor === operator, revokeKeys: visitor === operator },
    });
    expect(shown.lastRefreshAt).toBe(shown.refreshes[0]!.createdAt);
    expect(shown.apiKeys.map(({ prefix, revokedAt }) => [prefix, revokedAt !== null])).toContainEqual([
      prefixOf(project),
      true,
    ]);
    expect(rows).toMatchObject([{ id: project.id, quota: { used: 3 }, keys: 2, collections: 2 }]);
  }
});

it('neither a key nor its hash is in any response', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const secret = project.apiKey.split('_').slice(2).join('_');
  const { text } = await operator.get(`projects/${project.id}`).expect(200);
  const [{ hash }] = (await test.database.query<{ hash: string }>(
    `select encode(hash, 'hex') as hash from nft_metadata.api_keys`,
  )) as [{ hash: string }];

  expect(secret.length).toBeGreaterThan(20);
  expect(text).toContain(prefixOf(project));
  expect(text).not.toContain(secret);
  expect(text).not.toContain(hash);
});

it('projects are listed oldest first, page by page', async () => {
  const projects = test.app.get(Projects);
  const names = Array.from({ length: 53 }, (_, index) => `Project ${index}`);
  for (const name of names) await projects.createProject({ name, ownerAddress: Wallet.createRandom().address });

  const first = await operator.read('projects', projectListSchema);
  const second = await operator.read(`projects?cursor=${first.next}`, projectListSchema);

  expect(new Set([...first.rows, ...second.rows].map(({ name }) => name))).toEqual(new Set(names));
  expect([first.rows.length, second.rows.length, second.next]).toEqual([50, 3, null]);
  await operator.get('projects?cursor=forged').expect(400);
});

it('operators change limits and revoke keys, from the next request on, and each action is logged [K13] [K23]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const partner = await aPartner(project);

  const limited = expectShape(
    projectSchema,
    await operator.put(`projects/${project.id}/limits`, { tokensPerHour: 0, requestsPerSecond: null }),
  );
  await operator.put(`projects/${project.id}/limits`, { tokensPerHour: -1 }).expect(400);
  await operator.delete(`projects/${project.id}/keys/no-such-key`).expect(404);
  const revoked = expectShape(projectSchema, await operator.delete(`projects/${project.id}/keys/${prefixOf(project)}`));

  expect(limited.project.limits).toMatchObject({
    own: { tokensPerHour: 0, requestsPerSecond: null },
    effective: { tokensPerHour: 0 },
  });
  expect(revoked.project).toMatchObject({ keys: 0, apiKeys: [{ prefix: prefixOf(project) }] });
  await partner.get('refreshes').expect(401);
  const logged = await test.database.query(
    'select action, target, project_id as project, outcome from nft_metadata.console_actions order by id',
  );
  const of = { target: project.id, project: project.id };
  expect(logged).toEqual([
    { ...of, action: 'project.set-limits requestsPerSecond=default tokensPerHour=0', outcome: 'done' },
    { ...of, action: 'project.set-limits', outcome: 'invalid_request' },
    { ...of, action: 'project.revoke-key no-such-key', outcome: 'not_found' },
    { ...of, action: `project.revoke-key ${prefixOf(project)}`, outcome: 'done' },
  ]);
});

it('a partner asks in vain for another project, as for one that does not exist, and changes nothing [K20] [K23]', async () => {
  const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject({ tokens: ['1'] })];
  const partner = await aPartner(project);
  const bodyOf = ({ body, status }: { body: object; status: number }) => ({ ...body, status, requestId: '' });

  expect((await partner.read('projects', projectListSchema)).rows.map(({ id }) => id)).toEqual([project.id]);
  for (const ask of [
    (id: string) => partner.get(`projects/${id}`),
    (id: string) => partner.put(`projects/${id}/limits`, { tokensPerHour: 5 }),
    (id: string) => partner.delete(`projects/${id}/keys/${prefixOf(other)}`),
  ]) {
    const [ofOther, ofNobody] = [await ask(other.id), await ask(UNKNOWN)];

    expect(ofOther.status).toBe(404);
    expect(bodyOf(ofOther)).toEqual(bodyOf(ofNobody));
  }
  await partner.put(`projects/${project.id}/limits`, { tokensPerHour: 5 }).expect(404);
  await partner.delete(`projects/${project.id}/keys/${prefixOf(project)}`).expect(404);
  const { project: unchanged } = await operator.read(`projects/${other.id}`, projectSchema);
  expect(unchanged).toMatchObject({ keys: 1, limits: { own: { tokensPerHour: null } } });
  const page = await operator.read('projects', projectListSchema);
  const { createdAt, id } = page.rows[0]!;
  const cursor = Buffer.from(JSON.stringify({ createdAt, id })).toString('base64url');
  expect(
    (await partner.read(`projects?cursor=${cursor}`, projectListSchema)).rows.every((row) => row.id === project.id),
  ).toBe(true);
});

it('who may change nothing is offered no action, and each is refused and logged [K22] [K23]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const host = await startConsoleHost(test.database, test.metadataApi, { mayAct: false });
  try {
    const reader = await new ConsoleVisitor(host).asOperator();

    const { project: shown } = await reader.read(`projects/${project.id}`, projectSchema);
    expect(shown.actions).toEqual({ setLimits: false, revokeKeys: false });
    await reader.put(`projects/${project.id}/limits`, { tokensPerHour: 5 }).expect(403);
    await reader.put(`projects/${project.id}/limits`, { tokensPerHour: 'many' }).expect(403);
    await reader.delete(`projects/${project.id}/keys/${prefixOf(project)}`).expect(403);
  } finally {
    await host.close();
  }
  const logged = await test.database.query('select action, outcome from nft_metadata.console_actions order by id');
  expect(logged).toEqual([
    { action: 'project.set-limits tokensPerHour=5', outcome: 'forbidden' },
    { action: 'project.set-limits', outcome: 'forbidden' },
    { action: `project.revoke-key ${prefixOf(project)}`, outcome: 'forbidden' },
  ]);
});

it('a list of projects reads the newest refresh of each by an index, and not all of them', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await refreshOnce(test, project, ['1']);
  await test.database.query(
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, succeeded, failed, created_at, completed_at)
     select gen_random_uuid(), project_id, collection_id, collection_address, source, 1, 1, 0,
       now() - index * interval '1 minute', now()
     from nft_metadata.refreshes cross join generate_series(1, 10000) as index where id = $1`,
    [refreshId],
  );
  await test.database.query('analyze nft_metadata.refreshes');

  for (const path of ['projects', `projects/${project.id}`]) {
    const statements = await captureStatements(() => operator.get(path).expect(200));
    const reads = await explainReads(test.database.url, statements);

    const large = reads.filter(({ table, rows }) => table === 'refreshes' && rows > 50);
    expect({ path, large }).toEqual({ path, large: [] });
  }
});
