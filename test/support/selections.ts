import { http } from './project-api.js';
import type { TestApp, TestProject } from './start-app.js';

/** Sends a POST with an API key. */
export function postRefresh(
  { app }: Pick<TestApp, 'app'>,
  project: TestProject,
  body: object,
  headers: Record<string, string> = {},
) {
  return http(app)
    .post('/v1/metadata-refreshes')
    .set({ 'x-api-key': project.apiKey, ...headers })
    .send({ collection_address: project.collectionAddress, ...body });
}

export async function acceptedId(test: Pick<TestApp, 'app'>, project: TestProject, body: object): Promise<string> {
  const response = await postRefresh(test, project, body).expect(202);
  return (response.body as { refresh_id: string }).refresh_id;
}

export async function estimate({ app }: Pick<TestApp, 'app'>, project: TestProject, body: object) {
  const response = await http(app)
    .post('/v1/metadata-refreshes/estimate')
    .set('x-api-key', project.apiKey)
    .send({ collection_address: project.collectionAddress, ...body })
    .expect(200);
  return response.body as Record<string, unknown> & { tokens_per_hour: { remaining: number } };
}

/** The pending tokens of a refresh, in the order of its chunks. */
export async function pendingTokens({ database }: Pick<TestApp, 'database'>, refreshId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select token_id::text as id
     from nft_metadata.refresh_chunks cross join lateral unnest(token_ids) with ordinality as one (token_id, place)
     where refresh_id = $1 order by last_token_id, place`,
    [refreshId],
  );
  return rows.map(({ id }) => id);
}
