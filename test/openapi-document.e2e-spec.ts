import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createRefreshApiDocument } from '@app/refresh-api';
import { createApiDocument } from '../src/api-reference.js';
import { validateResponse, drainViolations } from './support/openapi-validation.js';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
let folder: string;
beforeAll(async () => {
  test = await startApp();
  folder = await mkdtemp(join(tmpdir(), 'openapi-'));
});
afterAll(async () => {
  await test.stop();
  await rm(folder, { recursive: true });
});

it('the OpenAPI document passes a linter, without an error or a warning', async () => {
  const file = join(folder, 'openapi.json');
  await writeFile(file, JSON.stringify(createApiDocument(test.app)));

  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['node_modules/@redocly/cli/bin/cli.js', 'lint', file, '--extends=recommended', '--format=json'],
    { env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
    // With problems, it exits with status 1.
  ).catch((error: { stdout: string }) => error);

  expect(JSON.parse(stdout)).toMatchObject({ totals: { errors: 0, warnings: 0, ignored: 0 }, problems: [] });
});

it('the OpenAPI document has each operation, with examples, all error bodies and both ways to authenticate', () => {
  const { openapi, paths, components } = createRefreshApiDocument(test.app);

  expect(openapi).toBe('3.1.0');
  expect(Object.keys(paths)).toEqual([
    '/v1/metadata-refreshes/estimate',
    '/v1/metadata-refreshes/validate',
    '/v1/metadata-refreshes',
    '/v1/metadata-refreshes/{refresh_id}',
    '/v1/metadata-refreshes/{refresh_id}/errors',
    '/v1/metadata-refreshes/{refresh_id}/cancel',
    '/v1/metadata-refreshes/{refresh_id}/pause',
    '/v1/metadata-refreshes/{refresh_id}/resume',
    '/v1/metadata-refreshes/{refresh_id}/retry',
    '/v1/metadata-refreshes/{refresh_id}/tokens',
    '/v1/metadata-refreshes/{refresh_id}/tokens.csv',
    '/v1/metadata-refreshes/{refresh_id}/tokens.ndjson',
    '/v1/reveals',
    '/v1/reveals/{reveal_id}',
    '/v1/reveals/{reveal_id}/publish',
    '/v1/reveals/{reveal_id}/revert',
    '/v1/reveals/{reveal_id}/cancel',
    '/v1/reveals/{reveal_id}/traits',
    '/v1/reveals/{reveal_id}/lint',
    '/v1/reveals/{reveal_id}/tokens',
    '/v1/reveals/{reveal_id}/tokens/{token_id}',
    '/v1/limits',
    '/v1/collections/{collection_address}/metadata',
    '/v1/collections/{collection_address}/traits',
    '/v1/collections/{collection_address}/tokens/{token_id}',
    '/v1/collections/{collection_address}/tokens/{token_id}/versions',
    '/v1/collections/{collection_address}/tokens/{token_id}/versions/{version}',
    '/v1/collections/{collection_address}/tokens/{token_id}/versions/{version}/diff',
    '/v1/collections/{collection_address}/tokens/{token_id}/versions/{version}/restore',
    '/v1/collections/{collection_address}/tokens/{token_id}/hold',
    '/v1/collections/{collection_address}/tokens/{token_id}/attempts',
    '/v1/collections',
    '/v1/collections/{collection_address}',
    '/v1/collections/{collection_address}/tokens',
    '/v1/collections/{collection_address}/refresh',
    '/v1/webhooks',
    '/v1/webhooks/{webhook_id}',
    '/v1/webhooks/{webhook_id}/enable',
    '/v1/webhooks/{webhook_id}/rotate-secret',
    '/v1/webhooks/{webhook_id}/test',
    '/v1/webhooks/{webhook_id}/deliveries',
    '/collections/{token_address}/refresh_metadata',
    '/mavis-market-partner/collections/{token_address}/refresh_metadata',
    '/v1/chains/{chain_name}/collections/{contract_address}/nfts/refresh-metadata',
    '/v1/chains/{chain_name}/collections/{contract_address}/metadata/refresh-metadata',
    '/v1/chains/{chain_name}/collections/{contract_address}/refresh-metadata',
    '/v1/chains',
    '/v1/chains/{chain_name}/collections/{contract_address}/nfts/{token_id}',
    '/v1/chains/{chain_name}/collections/{contract_address}/nfts',
    '/v1/chains/{chain_name}/nfts',
    '/v1/chains/{chain_name}/collections/{contract_address}/metadata/{metadata_id}',
    '/v1/chains/{chain_name}/collections/{contract_address}/metadata',
    '/v1/chains/{chain_name}/metadata',
    '/v1/chains/{chain_name}/stacks',
    '/v1/chains/{chain_name}/collections/{contract_address}',
    '/v1/chains/{chain_name}/collections',
    '/v1/chains/{chain_name}/search/filters/{contract_address}',
  ]);
  expect(paths['/v1/metadata-refreshes']!.post!.security).toEqual([
    { walletAddress: [], walletTimestamp: [], walletSignature: [] },
    { apiKey: [] },
  ]);
  expect(Object.keys(components!.securitySchemes!)).toEqual([
    'apiKey',
    'immutableApiKey',
    'walletAddress',
    'walletTimestamp',
    'walletSignature',
  ]);
  const errors = Object.values(paths)
    .flatMap(({ get, post, patch, delete: remove }) => [get, post, patch, remove])
    .flatMap((operation) => Object.entries(operation?.responses ?? {}))
    .filter(([status]) => status >= '400');
  expect(errors.length).toBeGreaterThan(30);
  for (const [, response] of errors) {
    expect(response).toMatchObject({
      content: { 'application/json': { schema: {}, example: { message: expect.any(String) as string } } },
    });
  }
});

/** What Express has been given, in the document's spelling, without what refuses wrong methods and paths, by any method. */
function routesOf(app: TestApp['app']): string[] {
  const { router } = app.getHttpAdapter().getInstance() as {
    router: { stack: { route?: { path: string; methods: Record<string, boolean> } }[] };
  };
  return router.stack.flatMap(({ route }) =>
    route && Object.keys(route.methods).length === 1
      ? Object.keys(route.methods).map((method) => `${method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`)
      : [],
  );
}

it('the OpenAPI document of the application has every route: listings, health and metrics, too', () => {
  const { paths } = createApiDocument(test.app);

  const documented = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`),
  );
  expect(routesOf(test.app).toSorted()).toEqual(documented.toSorted());
  expect(documented).toEqual(
    expect.arrayContaining(['get /listings', 'get /health/live', 'get /health/ready', 'get /metrics']),
  );
});

it('the OpenAPI document of the library has nothing of its host', () => {
  expect(Object.keys(createRefreshApiDocument(test.app).paths)).not.toContain('/listings');
});

it('the comparison of responses with the OpenAPI document, which every suite makes, notices a wrong status, field, type and header', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const seen = {
    method: 'GET',
    path: `/v1/metadata-refreshes/${refreshId}`,
    status: 200,
    headers: { 'x-request-id': 'one' },
    body: await readRefresh(test.app, project, refreshId),
  };
  const deviationsOf = (change: object) => {
    validateResponse(test.app, { ...seen, ...change });
    return drainViolations();
  };

  expect(deviationsOf({})).toEqual([]);
  expect(deviationsOf({ status: 418 })).toHaveLength(1);
  expect(deviationsOf({ body: { ...seen.body, more: 1 } })).toHaveLength(1);
  expect(deviationsOf({ body: { ...seen.body, status: 'failed' } })).toHaveLength(1);
  expect(deviationsOf({ body: { ...seen.body, summary: [] } })).toHaveLength(1);
  expect(deviationsOf({ method: 'POST', path: '/v1/metadata-refreshes', status: 202, body: {} })).toHaveLength(4);
});
