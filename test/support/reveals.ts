import { EventDelivery } from '@app/metadata-events';
import { TokenStore, TraitRecount } from '@app/token-store';
import { holdRows } from './held-rows.js';
import { http } from './project-api.js';
import { refreshOnce } from './refresh-steps.js';
import type { TestApp, TestProject } from './start-app.js';
import { ids } from './token-ids.js';

export interface RevealIds {
  revealId: string;
  refreshId: string;
}

/** Sends a POST with the API key of the project. */
export function postReveal({ app }: Pick<TestApp, 'app'>, project: TestProject, body: object = { all: true }) {
  return http(app)
    .post('/v1/reveals')
    .set('x-api-key', project.apiKey)
    .send({ collection_address: project.collectionAddress, ...body });
}

/** A reveal whose documents are not fetched yet. */
export async function createReveal(
  test: Pick<TestApp, 'app'>,
  project: TestProject,
  body?: object,
): Promise<RevealIds> {
  const response = await postReveal(test, project, body).expect(202);
  const { reveal_id: revealId, refresh_id: refreshId } = response.body as { reveal_id: string; refresh_id: string };
  return { revealId, refreshId };
}

/** The same, after the worker has processed its tokens. */
export async function stageReveal(test: TestApp, project: TestProject, body?: object): Promise<RevealIds> {
  const reveal = await createReveal(test, project, body);
  await test.worker.runOnce();
  return reveal;
}

export function revealRequest(
  { app }: Pick<TestApp, 'app'>,
  project: TestProject,
  method: 'get' | 'post',
  path: string,
) {
  return http(app)[method](`/v1/reveals/${path}`).set('x-api-key', project.apiKey);
}

export async function readReveal(
  test: Pick<TestApp, 'app'>,
  project: TestProject,
  { revealId }: Pick<RevealIds, 'revealId'>,
): Promise<Record<string, unknown> & { state: string }> {
  const { body } = await revealRequest(test, project, 'get', revealId).expect(200);
  return body as Record<string, unknown> & { state: string };
}

/** Documents that the reveal has, as far as the database knows. */
export async function countStagedDocuments(
  { database }: Pick<TestApp, 'database'>,
  { revealId }: Pick<RevealIds, 'revealId'>,
): Promise<number> {
  const [row] = await database.query<{ documents: number }>(
    'select count(*)::int as documents from nft_metadata.staged_documents where reveal_id = $1',
    [revealId],
  );
  return row!.documents;
}

const STAGE_EGG = { trait_type: 'Stage', value: 'Egg' };

/** What tokens show before their reveal. */
export function egg(id: string): object {
  return { name: `Egg ${id}`, image: 'https://img.example/egg.png', attributes: [STAGE_EGG] };
}

/** What they show afterwards. */
export function dragon(id: string): object {
  return {
    name: `Dragon ${id}`,
    image: `https://img.example/${id}.png`,
    attributes: [{ trait_type: 'Rarity', value: Number(id) % 2 ? 'Common' : 'Legendary' }],
  };
}

export function respondWith(
  { metadataApi }: Pick<TestApp, 'metadataApi'>,
  document: (id: string) => object,
  tokenIds: readonly string[],
  headers: Record<string, string> = {},
): void {
  for (const id of tokenIds) metadataApi.respond(id, 200, document(id), headers);
}

export type RevealProject = TestProject & { tokenIds: string[] };

/** A project whose tokens show eggs, while its Metadata API has dragons already. */
export async function aProjectWithEggs(test: TestApp, count = 4): Promise<RevealProject> {
  const tokenIds = ids(count);
  const project = await test.aProject({ tokens: tokenIds });
  respondWith(test, egg, tokenIds, { etag: '"egg"' });
  await refreshOnce(test, project, tokenIds);
  respondWith(test, dragon, tokenIds, { etag: '"dragon"' });
  return { ...project, tokenIds };
}

/** All that a reader can see of a collection, with the entity tags. */
export async function whatReadersSee({ app }: Pick<TestApp, 'app'>, project: TestProject): Promise<object[]> {
  const { collectionAddress: address, collectionId } = project;
  const paths = ['/tokens/1', '/tokens/1/versions', '/traits'].map((path) => `/v1/collections/${address}${path}`);
  const responses = await Promise.all(
    [...paths, `/listings?collection_address=${address}`].map((path) => http(app).get(path).expect(200)),
  );
  const shown = responses.map(({ headers, body }) => {
    return { etag: (headers as Record<string, string>)['etag'], body: body as object };
  });
  const query = { collectionId, traits: { Stage: ['Egg'] }, orderBy: 'name' as const };
  return [...shown, await app.get(TokenStore).pageTokens(query)];
}

/** Waits until the reveal is in this state, with the process in the background. Returns it. */
export async function untilReveal(
  test: Pick<TestApp, 'app'>,
  project: TestProject,
  reveal: Pick<RevealIds, 'revealId'>,
  state: string,
): Promise<Record<string, unknown>> {
  const last = { state: '' };
  await vi.waitUntil(async () => Object.assign(last, await readReveal(test, project, reveal)).state === state, {
    timeout: 30_000,
    interval: 25,
  });
  return last;
}

/** Publishes the reveal, and waits for it. */
export async function publishReveal(
  test: Pick<TestApp, 'app'>,
  project: TestProject,
  reveal: Pick<RevealIds, 'revealId'>,
  body: object = {},
): Promise<Record<string, unknown>> {
  await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).send(body).expect(202);
  return untilReveal(test, project, reveal, 'published');
}

/** The events of the collection, in the order in which readers get them. */
export async function eventsOf(
  { app, database }: Pick<TestApp, 'app' | 'database'>,
  { collectionId }: TestProject,
): Promise<{ type: string; data: Record<string, unknown> }[]> {
  await app.get(EventDelivery).runOnce();
  return database.query(
    `select event_type as type, data from nft_metadata.events where collection_id = $1 order by position, event_index`,
    [collectionId],
  );
}

/** V9: whatever was done, `traits recount` finds nothing to correct. */
export async function expectExactCounts({ app }: Pick<TestApp, 'app'>): Promise<void> {
  const { corrected, searchRowsRepaired } = await app.get(TraitRecount).recount();
  if (corrected + searchRowsRepaired > 0)
    throw new Error(`${corrected} counts and ${searchRowsRepaired} search rows were wrong`);
}

export const tokenPath = ({ collectionAddress }: TestProject, tokenId: string, rest = '') =>
  `/v1/collections/${collectionAddress}/tokens/${tokenId}${rest}`;

export async function recordOf(
  { app }: Pick<TestApp, 'app'>,
  project: TestProject,
  tokenId = '1',
): Promise<Record<string, unknown>> {
  const { body } = await http(app).get(tokenPath(project, tokenId)).expect(200);
  return body as Record<string, unknown>;
}

export const namesOf = async (test: Pick<TestApp, 'app'>, project: RevealProject) =>
  Promise.all(project.tokenIds.map(async (id) => (await recordOf(test, project, id))['name']));

export async function traitsOf(
  { app }: Pick<TestApp, 'app'>,
  { collectionAddress }: TestProject,
): Promise<Record<string, unknown>[]> {
  const { body } = await http(app).get(`/v1/collections/${collectionAddress}/traits`).expect(200);
  return (body as { traits: Record<string, unknown>[] }).traits;
}

/** Blocks publications and reverts of the collection while they write, until `release`. */
export async function blockPublication(test: Pick<TestApp, 'database'>, { collectionId }: TestProject) {
  return holdRows(test, 'select from nft_metadata.collection_traits where collection_id = $1 for update', [
    collectionId,
  ]);
}
