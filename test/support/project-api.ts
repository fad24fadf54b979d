import { signedHeaders as signWith } from '@app/testing';
import type { INestApplication } from '@nestjs/common';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { validateResponse } from './openapi-validation.js';
import type { TestProject } from './start-app.js';

/** The headers of a request that the project signs. */
export const signedHeaders = ({ wallet }: Pick<TestProject, 'wallet'>, at?: Date) => signWith(wallet, at);

/** A supertest agent that also validates each response against the OpenAPI document. */
export function http(app: INestApplication) {
  return request.agent(app.getHttpServer() as App).use((test: request.Test) =>
    test.on('response', (response: request.Response) => {
      validateResponse(app, {
        method: test.method,
        path: new URL(test.url).pathname,
        status: response.status,
        headers: response.headers,
        body: response.body as unknown,
      });
    }),
  );
}

/** Sends a signed POST. Returns the id of the refresh. */
export async function requestRefresh(
  app: INestApplication,
  project: TestProject,
  tokenIds: readonly string[],
): Promise<string> {
  const { body } = await http(app)
    .post('/v1/metadata-refreshes')
    .set(await signedHeaders(project))
    .send({ collection_address: project.collectionAddress, token_ids: tokenIds })
    .expect(202);
  return (body as { refresh_id: string }).refresh_id;
}

export async function readRefresh(
  app: INestApplication,
  project: TestProject,
  refreshId: string,
): Promise<Record<string, unknown>> {
  const { body } = await http(app)
    .get(`/v1/metadata-refreshes/${refreshId}`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  return body as Record<string, unknown>;
}

/** The attempts at a token, newest first. */
export async function readAttempts(app: INestApplication, project: TestProject, tokenId: string): Promise<object[]> {
  const path = `/v1/collections/${project.collectionAddress}/tokens/${tokenId}/attempts`;
  const { body } = await http(app).get(path).set('x-api-key', project.apiKey).expect(200);
  return (body as { result: object[] }).result;
}

/** Expects a completed refresh with `count` succeeded tokens and no failed one. */
export async function expectSucceeded(
  app: INestApplication,
  project: TestProject,
  refreshId: string,
  count: number,
): Promise<void> {
  expect(await readRefresh(app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: count, failed: 0, pending: 0 },
  });
}

export async function readErrors(
  app: INestApplication,
  project: TestProject,
  refreshId: string,
): Promise<Record<string, unknown>[]> {
  const { body } = await http(app)
    .get(`/v1/metadata-refreshes/${refreshId}/errors?page_size=200`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  return (body as { result: Record<string, unknown>[] }).result;
}
