import type { z } from 'zod';
import {
  estimateSchema,
  newRefreshSchema,
  refreshDetailsSchema,
  type wantedTokensSchema,
} from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape } from './support/console.js';
import { CONSOLE_VARIABLES, startConsoleApp } from './support/console-app.js';
import { ReconnectingClient } from './support/database.js';
import { remainingTokens } from './support/refresh-control.js';
import { refreshOnce } from './support/refresh-steps.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

type Wanted = z.input<typeof wantedTokensSchema>;

const UNKNOWN = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);

async function estimate(visitor: ConsoleVisitor, { collectionId }: TestProject, wanted: Wanted) {
  return expectShape(estimateSchema, await visitor.post(`collections/${collectionId}/estimate`, wanted));
}

async function request(visitor: ConsoleVisitor, { collectionId }: TestProject, wanted: Wanted) {
  const { refreshId } = expectShape(
    newRefreshSchema,
    await visitor.post(`collections/${collectionId}/refresh`, wanted),
  );
  return (await visitor.read(`refreshes/${refreshId}`, refreshDetailsSchema)).refresh;
}

/** Tokens 1 to 10: 1 to 4 are fetched, of which 3 has failed since; 5 has failed; the others were never fetched. */
async function aFetchedProject() {
  const project = await test.aProject({ tokens: ids(10), limits: { tokensPerHour: 30 } });
  await refreshOnce(test, project, ids(4));
  test.metadataApi.respond('3', 404).respond('5', 404);
  await refreshOnce(test, project, ['3', '5']);
  test.metadataApi.forgetScripts();
  return project;
}

it('a partner sees what a selection would take, and its refresh has as many tokens and counts towards the quota', async () => {
  const project = await aFetchedProject();
  const partner = await aPartner(project);
  const selections: [Wanted, number][] = [
    [{ tokenIds: ['1', '2', '99'] }, 3],
    [
      {
        ranges: [
          { from: '2', to: '6' },
          { from: '9', to: '5000' },
        ],
      },
      7,
    ],
    [{ all: true, status: ['failed', 'stale'] }, 2],
    [{ all: true, status: ['pending'] }, 5],
    [{ all: true, notRefreshedForSeconds: 3600 }, 6],
  ];
  const before = await remainingTokens(test, project);

  for (const [wanted, tokens] of selections) {
    const expected = await estimate(partner, project, wanted);
    expect(expected).toMatchObject({ tokens, exceeds: null, quota: { limit: 30 } });
    expect(expected.expectedSeconds).toBeGreaterThan(0);
  }
  expect(await remainingTokens(test, project)).toBe(before);

  const [wanted] = selections[1]!;
  expect(await request(partner, project, wanted)).toMatchObject({ trigger: 'api', total: 7 });
  expect(await remainingTokens(test, project)).toBe(before - 7);
  await test.worker.runOnce();
});

it('an estimate names the limit that would refuse the request, and then the request is refused with a sentence', async () => {
  const limits = { tokensPerHour: 10, tokensPerRequest: 3, tokensPerSelection: 20 };
  const project = await test.aProject({ tokens: ids(21), limits });
  const partner = await aPartner(project);
  const post = async (wanted: Wanted) => {
    const { status, body } = await partner.post(`collections/${project.collectionId}/refresh`, wanted);
    return { status, ...(body as object) };
  };

  const most = { ranges: [{ from: '1', to: '20' }] };
  expect(await estimate(partner, project, { all: true })).toMatchObject({ tokens: 21, exceeds: 'tokensPerSelection' });
  expect(await estimate(partner, project, most)).toMatchObject({ tokens: 20, exceeds: 'tokensPerHour' });
  expect(await estimate(partner, project, { tokenIds: ids(4) })).toMatchObject({ exceeds: 'tokensPerRequest' });
  expect(await estimate(partner, project, { ranges: [{ from: '50', to: '60' }] })).toMatchObject({ tokens: 0 });
  expect(await post({ all: true })).toMatchObject({ status: 400, code: 'invalid_request' });
  expect(await post(most)).toMatchObject({ status: 429, code: 'limit_reached' });
  expect(await post({ tokenIds: ids(4) })).toMatchObject({ status: 400, code: 'invalid_request' });
  expect(await post({ ranges: [{ from: '50', to: '60' }] })).toMatchObject({ status: 409, code: 'conflict' });
  expect(await post({ ranges: [{ from: '6', to: '5' }] })).toMatchObject({ status: 400, code: 'invalid_request' });
  expect(await remainingTokens(test, project)).toBe(10);
});

it('an operator’s selection has the trigger `console` and counts towards no limit', async () => {
  const project = await aFetchedProject();
  const before = await remainingTokens(test, project);

  expect(await estimate(operator, project, { all: true })).toMatchObject({ tokens: 10, quota: null, exceeds: null });
  const refresh = await request(operator, project, { all: true });

  expect(refresh).toMatchObject({ trigger: 'console', total: 10 });
  expect(await remainingTokens(test, project)).toBe(before);
  const [action] = await test.database.query(
    'select who, action, target, outcome from nft_metadata.console_actions order by id desc limit 1',
  );
  expect(action).toEqual({
    who: 'Mira',
    action: 'collection.refresh',
    target: `1/${project.collectionAddress}`,
    outcome: 'done',
  });
  await test.worker.runOnce();
});

it('a partner gets the same for another’s collection as for one that does not exist [K20]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const stranger = await aPartner(await test.aProject({ tokens: ['1'] }));
  for (const endpoint of ['estimate', 'refresh']) {
    const responses = await Promise.all(
      [project.collectionId, UNKNOWN].map((id) => stranger.post(`collections/${id}/${endpoint}`, { all: true })),
    );
    const [ofOther, ofNobody] = responses.map(({ status, body }) => ({ status, ...(body as object), requestId: '' }));
    expect(ofOther).toMatchObject({ status: 404, code: 'not_found' });
    expect(ofOther).toEqual(ofNobody);
  }
});

it.each([
  {},
  { all: false },
  { tokenIds: [] },
  { tokenIds: ['1'], all: true },
  { ranges: [{ from: '1' }] },
  { ranges: [{ from: '1', to: '2' }], status: ['failed'] },
  { all: true, status: ['ok'] },
  { all: true, notRefreshedForSeconds: -1 },
])('a selection that says nothing or too much is refused: %j', async (wanted) => {
  const project = await test.aProject({ tokens: ['1'] });
  for (const endpoint of ['estimate', 'refresh']) {
    const { status, body } = await operator.post(`collections/${project.collectionId}/${endpoint}`, wanted);
    expect([status, (body as { code: string }).code]).toEqual([400, 'invalid_request']);
  }
});

it.each<[string, Wanted]>([
  ['a part of the collection', { ranges: [{ from: '1', to: '5' }] }],
  ['all tokens', { all: true }],
  ['listed tokens', { tokenIds: ['1'] }],
])(
  'an estimate of %s that the database takes too long for is given up after two seconds, and says so',
  async (_of, wanted) => {
    const project = await test.aProject({ tokens: ids(5) });
    const partner = await aPartner(project);
    const other = new ReconnectingClient(test.database.url);
    await other.query('begin');
    await other.query('lock table nft_metadata.tokens, nft_metadata.refresh_chunks in access exclusive mode');
    const begunAt = performance.now();

    const responses = await Promise.all(
      [partner, operator].map(async (visitor) => visitor.post(`collections/${project.collectionId}/estimate`, wanted)),
    );
    await other.end();

    expect(performance.now() - begunAt).toBeGreaterThan(1900);
    for (const { status, body, headers } of responses) {
      expect([status, headers['retry-after'], body]).toEqual([
        503,
        '5',
        {
          code: 'database_unavailable',
          message: 'The database took too long for this request. Try again in a moment.',
          requestId: headers['x-request-id'],
        },
      ]);
    }
  },
);

it('with CONSOLE_MAY_ACT=false nobody gets an estimate [K22]', async () => {
  const readOnly = await startApp({}, { variables: { ...CONSOLE_VARIABLES, CONSOLE_MAY_ACT: 'false' } });
  const project = await readOnly.aProject({ tokens: ['1'] });
  const visitor = await new ConsoleVisitor(readOnly.app).asOperator();

  const { status, body } = await visitor.post(`collections/${project.collectionId}/estimate`, { all: true });
  await readOnly.stop();

  expect([status, (body as { code: string }).code]).toEqual([403, 'forbidden']);
});
