import { MetadataRefreshService, Reveals } from '@app/metadata-refresh';
import { TokenStore } from '@app/token-store';
import { Client } from 'pg';
import { emptyMetadata } from './support/empty-metadata.js';
import { fillCollection } from './support/large-collection.js';
import { cancelLockWaits, untilLockWaits } from './support/lock-waits.js';
import { control } from './support/refresh-control.js';
import { http } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import {
  aProjectWithEggs,
  createReveal,
  dragon,
  publishReveal,
  readReveal,
  respondWith,
  revealRequest,
  stageReveal,
  type RevealIds,
} from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainLargestStep, explainReads } from './support/statements.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => test.metadataApi.forgetScripts());

interface Finding {
  code: string;
  message: string;
  count: number;
  examples: { tokens: number; token_ids: string[]; trait_types: string[]; values: string[] }[];
}

async function look<Body>(project: TestProject, { revealId }: RevealIds, path: string): Promise<Body> {
  const { body } = await revealRequest(test, project, 'get', `${revealId}${path}`).expect(200);
  return body as Body;
}

async function findingsOf(project: TestProject, reveal: RevealIds): Promise<Finding[]> {
  return (await look<{ findings: Finding[] }>(project, reveal, '/lint')).findings;
}

async function traitsShown({ collectionAddress }: TestProject): Promise<object> {
  return (await http(test.app).get(`/v1/collections/${collectionAddress}/traits`).expect(200)).body as object;
}

/** A project whose tokens have no metadata yet, and a reveal of these documents. */
async function aStagedReveal(
  documents: Readonly<Record<string, object>>,
): Promise<{ project: TestProject; reveal: RevealIds }> {
  const tokenIds = Object.keys(documents);
  const project = await test.aProject({ tokens: tokenIds });
  respondWith(test, (id) => documents[id]!, tokenIds);
  return { project, reveal: await stageReveal(test, project) };
}

const NO_FIELDS = {
  name: 0,
  description: 0,
  image_url: 0,
  image_original: 0,
  animation_url: 0,
  animation_original: 0,
  external_url: 0,
  youtube_url: 0,
  background_color: 0,
  decimals: 0,
  localization: 0,
  attributes: 0,
};

describe('what a reveal would change', () => {
  it('a reveal that is staged says how many records, fields and traits its publication would change', async () => {
    const project = await aProjectWithEggs(test, 4);

    const reveal = await stageReveal(test, project);

    expect((await readReveal(test, project, reveal))['changes']).toEqual({
      as_of: expect.stringMatching(/Z$/) as string,
      updated: 4,
      unchanged: 0,
      superseded: 0,
      missing: 0,
      first_metadata: 0,
      not_staged: 0,
      fields: { ...NO_FIELDS, name: 4, image_url: 4, image_original: 4, attributes: 4 },
      traits: {
        tokens: 4,
        added: 4,
        removed: 4,
        values_added: 2,
        values_removed: 1,
        types_added: 1,
        types_removed: 1,
      },
    });
  });

  it('tokens without metadata are counted as updated, with the fields that they get', async () => {
    const { project, reveal } = await aStagedReveal({ 1: { name: 'Dragon', description: 'Red.' }, 2: dragon('2') });

    expect((await readReveal(test, project, reveal))['changes']).toMatchObject({
      updated: 2,
      first_metadata: 2,
      fields: { ...NO_FIELDS, name: 2, description: 1, image_url: 1, image_original: 1, attributes: 1 },
      traits: { added: 1, removed: 0, values_added: 1, types_added: 1 },
    });
  });

  it('equal documents, later fetches, removed tokens and tokens that were not staged are told apart, as the publication does', async () => {
    const project = await aProjectWithEggs(test, 6);
    respondWith(test, (id) => ({ ...dragon(id), name: `Egg ${id}` }), ['3']);
    await refreshOnce(test, project, ['1']);
    test.metadataApi.respond('6', 404);
    const reveal = await stageReveal(test, project);
    respondWith(test, (id) => ({ name: `Later ${id}` }), ['2']);
    await refreshOnce(test, project, ['2']);
    await test.app.get(TokenStore).removeTokens(project.collectionId, ['4']);

    const { changes } = await readReveal(test, project, reveal);
    const tokens = await look<{ result: { token_id: string; effect: string }[] }>(project, reveal, '/tokens');
    const { outcome } = await publishReveal(test, project, reveal, { min_succeeded: 0.5 });

    const counts = { updated: 2, unchanged: 1, superseded: 1, missing: 1 };
    expect(changes).toMatchObject({ ...counts, not_staged: 1, fields: { name: 1, image_url: 2, attributes: 2 } });
    expect(tokens.result.map(({ token_id, effect }) => [token_id, effect])).toEqual([
      ['1', 'unchanged'],
      ['2', 'superseded'],
      ['3', 'updated'],
      ['4', 'missing'],
      ['5', 'updated'],
    ]);
    expect(outcome).toEqual(counts);
  });

  it('a pushed record that no fetch replaces stays, also if it is held, and a record that was held before is updated', async () => {
    const project = await aProjectWithEggs(test, 3);
    const path = `/v1/collections/${project.collectionAddress}`;
    const hold = (id: string, version: number) =>
      http(test.app)
        .post(`${path}/tokens/${id}/versions/${version}/restore`)
        .set('x-api-key', project.apiKey)
        .send({ hold_until: 'forever' })
        .expect(200);
    await http(test.app).patch(path).set('x-api-key', project.apiKey).send({ push_policy: 'push_wins' }).expect(200);
    await test.app.get(MetadataRefreshService).push(
      { id: project.id, tokensPerHour: null, tokensPerRequest: null },
      {
        chainId: 1,
        collectionAddress: project.collectionAddress,
        tokens: ['1', '2'].map((tokenId) => ({ tokenId, document: { name: 'Pushed' } })),
      },
    );
    await hold('2', 2);
    await hold('3', 1);
    const reveal = await stageReveal(test, project);

    const { changes } = await readReveal(test, project, reveal);
    const tokens = await look<{ result: { effect: string }[] }>(project, reveal, '/tokens');
    const { outcome } = await publishReveal(test, project, reveal);

    expect(changes).toMatchObject({ updated: 1, superseded: 2 });
    expect(tokens.result.map(({ effect }) => effect)).toEqual(['superseded', 'superseded', 'updated']);
    expect(outcome).toMatchObject({ updated: 1, superseded: 2 });
  });

  it('a reveal says nothing of changes while tokens are pending, or when it has ended', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await createReveal(test, project);

    const during = await readReveal(test, project, reveal);
    await test.worker.runOnce();
    const after = await publishReveal(test, project, reveal);

    expect([during['changes'], after['changes']]).toEqual([null, null]);
    expect(await test.app.get(Reveals).findChanges({ revealId: reveal.revealId })).toBeNull();
  });
});

describe('a reveal whose changes cannot be read in time', () => {
  it('is shown without them, and its traits are refused until later', async () => {
    const project = await aProjectWithEggs(test, 1);
    const { revealId } = await stageReveal(test, project);
    const blocker = new Client({ connectionString: test.database.url });
    await blocker.connect();
    await blocker.query('begin; lock table nft_metadata.staged_documents in access exclusive mode');
    const cancelWaiting = async () => {
      await untilLockWaits(test.database, { statement: 'staged_documents' });
      await cancelLockWaits(test.database, { statement: 'staged_documents' });
    };

    const [reveal] = await Promise.all([revealRequest(test, project, 'get', revealId), cancelWaiting()]);
    const [traits] = await Promise.all([revealRequest(test, project, 'get', `${revealId}/traits`), cancelWaiting()]);
    await blocker.end();

    expect(reveal).toMatchObject({ status: 200, body: { state: 'staged', changes: null } });
    expect(traits).toMatchObject({ status: 503, body: { code: 'service_unavailable' } });
    // The failure is kept for as long as it took.
    await vi.waitUntil(async () => (await readReveal(test, project, { revealId }))['changes'] !== null, {
      timeout: 20_000,
      interval: 20,
    });
    expect((await readReveal(test, project, { revealId }))['changes']).toMatchObject({ updated: 1 });
  });
});

describe('the traits of a reveal', () => {
  it('the traits of a reveal are those that the collection has after its publication', async () => {
    const project = await aProjectWithEggs(test, 6);
    test.metadataApi.respond('6', 404);
    const level = (id: string) => ({ ...dragon(id), attributes: [{ trait_type: 'Level', value: Number(id) * 1.5 }] });
    respondWith(test, level, ['1', '2']);
    const [before, reveal] = [await traitsShown(project), await stageReveal(test, project)];
    respondWith(test, (id) => ({ ...dragon(id), attributes: [] }), ['5']);
    await refreshOnce(test, project, ['5']);

    const preview = await look<{ traits: object[] }>(project, reveal, '/traits');
    await publishReveal(test, project, reveal, { min_succeeded: 0.5 });

    expect(preview).toEqual(await traitsShown(project));
    expect(preview.traits).toEqual([
      {
        trait_type: 'Level',
        value_count: 2,
        minimum: '1.5',
        maximum: '3',
        values: [
          { value: '1.5', token_count: 1 },
          { value: '3', token_count: 1 },
        ],
      },
      expect.objectContaining({ trait_type: 'Rarity', value_count: 2 }),
      expect.objectContaining({ trait_type: 'Stage', values: [{ value: 'Egg', token_count: 1 }] }),
    ]);
    expect(before).not.toEqual(preview);
  });

  it('as many values of each trait are listed as are asked for, the most frequent first', async () => {
    const project = await aProjectWithEggs(test, 3);
    const reveal = await stageReveal(test, project);

    const { traits } = await look<{ traits: object[] }>(project, reveal, '/traits?values_per_type=1');

    expect(traits).toMatchObject([{ value_count: 2, values: [{ value: 'Common', token_count: 2 }] }]);
    for (const query of ['values_per_type=0', 'values_per_type=1001', 'chain_id=1']) {
      await revealRequest(test, project, 'get', `${reveal.revealId}/traits?${query}`).expect(400);
    }
  });

  it('traits can be looked at while other tokens are still pending', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project);
    await control(test.app, project, reveal.refreshId, 'retry').expect(202);

    const { traits } = await look<{ traits: object[] }>(project, reveal, '/traits');

    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'staging' });
    expect(traits).toMatchObject([{ trait_type: 'Rarity' }, { trait_type: 'Stage' }]);
  });
});

describe('the lint of a reveal', () => {
  it('nothing is found in a reveal of documents that have everything', async () => {
    const project = await aProjectWithEggs(test, 4);

    expect(await findingsOf(project, await stageReveal(test, project))).toEqual([]);
  });

  it('placeholders that the Metadata API still serves are found, and tokens that were not staged', async () => {
    const project = await aProjectWithEggs(test, 8);
    respondWith(
      test,
      (id) => ({
        name: `Egg ${id}`,
        image: 'https://img.example/egg.png',
        attributes: [{ trait_type: 'Stage', value: 'Egg' }],
      }),
      ['2', '3'],
    );
    for (const id of ['7', '8']) test.metadataApi.respond(id, 404);

    const findings = await findingsOf(project, await stageReveal(test, project));

    expect(findings.slice(0, 2)).toEqual([
      {
        code: 'not_staged',
        message: expect.stringContaining('retry it if it failed') as string,
        count: 2,
        examples: [{ tokens: 2, token_ids: ['7', '8'], trait_types: [], values: [] }],
      },
      {
        code: 'unchanged',
        message: expect.stringContaining('placeholder') as string,
        count: 2,
        examples: [{ tokens: 2, token_ids: ['2', '3'], trait_types: [], values: [] }],
      },
    ]);
  });

  it('missing names, images and attributes are found, with five of the tokens', async () => {
    const all = { 10: dragon('10'), ...Object.fromEntries(ids(7).map((id) => [id, { description: `No. ${id}` }])) };
    const { project, reveal } = await aStagedReveal(all);

    const findings = await findingsOf(project, reveal);

    const example = { tokens: 7, token_ids: ['1', '2', '3', '4', '5'] };
    expect(findings).toMatchObject([
      { code: 'missing_name', count: 7, examples: [example] },
      { code: 'missing_image', count: 7, examples: [example] },
      { code: 'missing_attributes', count: 7, examples: [example] },
    ]);
  });

  it('a collection without any attributes has none to miss', async () => {
    const image = 'https://img.example/1.png';
    const { project, reveal } = await aStagedReveal({ 1: { name: 'One', image }, 2: { name: 'Two' } });

    expect(await findingsOf(project, reveal)).toMatchObject([{ code: 'missing_image' }]);
  });

  it('equal documents, images and names are found, the most frequent ones first', async () => {
    const { project, reveal } = await aStagedReveal({
      ...Object.fromEntries(ids(3).map((id) => [id, { name: 'Same', image: 'https://img.example/a.png' }])),
      4: { name: 'Other', image: 'https://img.example/b.png' },
      5: { name: 'Other', image: 'https://img.example/b.png' },
      6: { name: 'Single', image: 'https://img.example/b.png' },
    });

    expect(await findingsOf(project, reveal)).toMatchObject([
      {
        code: 'duplicate_document',
        count: 5,
        examples: [
          { tokens: 3, token_ids: ['1', '2', '3'] },
          { tokens: 2, token_ids: ['4', '5'] },
        ],
      },
      {
        code: 'duplicate_image',
        count: 6,
        examples: [
          { tokens: 3, token_ids: ['1', '2', '3'] },
          { tokens: 3, token_ids: ['4', '5', '6'] },
        ],
      },
      { code: 'duplicate_name', count: 5, examples: [{ values: ['Same'] }, { values: ['Other'] }] },
    ]);
  });

  it('traits and values that are spelt in two ways are found, with a token of the rarer spelling', async () => {
    const traits = (...pairs: [string, string][]) => pairs.map(([trait_type, value]) => ({ trait_type, value }));
    const documents = Object.fromEntries(
      ids(6).map((id) => [id, { ...dragon(id), attributes: traits(['Eyes', 'Blue'], ['Hat', 'Red']) }]),
    );
    const { project, reveal } = await aStagedReveal({
      ...documents,
      7: { ...dragon('7'), attributes: traits(['eyes', 'Blue'], ['Нat', 'Red']) },
      8: { ...dragon('8'), attributes: traits(['Eyes', 'BLUE'], ['Hat', 'Red']) },
    });

    const findings = await findingsOf(project, reveal);

    expect(findings).toMatchObject([
      {
        code: 'trait_types_alike',
        count: 2,
        examples: [
          { trait_types: ['Eyes', 'eyes'], token_ids: ['7'], tokens: 8 },
          { trait_types: ['Hat', 'Нat'], token_ids: ['7'], tokens: 8 },
        ],
      },
      { code: 'trait_values_alike', count: 1, examples: [{ trait_types: ['Eyes'], values: ['Blue', 'BLUE'] }] },
    ]);
    expect(findings[1]!.examples[0]!.token_ids).toEqual(['8']);
  });

  it('numbers within quotation marks are found, and dates are none; words among numbers are found', async () => {
    const document = (id: string) => ({
      ...dragon(id),
      attributes: [
        { trait_type: 'Level', value: id },
        { trait_type: 'Born', display_type: 'date', value: 1_700_000_000 + Number(id) },
        { trait_type: 'Rank', value: id === '2' ? 'Legend' : Number(id) },
      ],
    });
    const { project, reveal } = await aStagedReveal(Object.fromEntries(ids(3).map((id) => [id, document(id)])));

    expect(await findingsOf(project, reveal)).toMatchObject([
      { code: 'numbers_as_text', count: 1, examples: [{ trait_types: ['Level'], values: ['1'], token_ids: ['1'] }] },
      { code: 'mixed_values', count: 1, examples: [{ trait_types: ['Rank'], values: ['Legend'], token_ids: ['2'] }] },
    ]);
  });

  it('a trait that one token in twenty misses is found, and one with several values', async () => {
    const document = (id: string) => ({
      ...dragon(id),
      attributes: [
        { trait_type: 'Background', value: 'Blue' },
        ...(id === '7' ? [] : [{ trait_type: 'Eyes', value: 'Green' }]),
        ...(Number(id) % 2 ? [{ trait_type: 'Hat', value: 'Cap' }] : []),
        ...(id === '9' ? [{ trait_type: 'Eyes', value: 'Red' }] : []),
      ],
    });
    const { project, reveal } = await aStagedReveal(Object.fromEntries(ids(20).map((id) => [id, document(id)])));

    expect(await findingsOf(project, reveal)).toMatchObject([
      { code: 'rarely_missing_trait', count: 1, examples: [{ tokens: 1, trait_types: ['Eyes'], token_ids: ['7'] }] },
      { code: 'repeated_trait', count: 1, examples: [{ tokens: 1, trait_types: ['Eyes'], token_ids: ['9'] }] },
    ]);
  });

  it('warnings about documents are counted, each with the sentence that a validation shows', async () => {
    const { project, reveal } = await aStagedReveal({
      1: dragon('1'),
      2: { ...dragon('2'), external_url: '/2' },
      3: { ...dragon('3'), external_url: '/3' },
    });

    expect(await findingsOf(project, reveal)).toMatchObject([
      {
        code: 'relative_external_url',
        message: expect.stringContaining('write the whole URL') as string,
        count: 2,
        examples: [{ tokens: 2, token_ids: ['2', '3'] }],
      },
    ]);
  });

  it('documents that would not be shown are not looked at', async () => {
    const project = await aProjectWithEggs(test, 2);
    respondWith(test, () => ({ description: 'Nothing else.' }), ['2']);
    const reveal = await stageReveal(test, project);
    respondWith(test, dragon, ['2']);
    await refreshOnce(test, project, ['2']);

    expect(await findingsOf(project, reveal)).toEqual([]);
  });
});

describe('tokens of a reveal', () => {
  it('a token is shown as its listing would show it, with what would change', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);

    const token = await look<{ record: Record<string, unknown> }>(project, reveal, '/tokens/2');
    await publishReveal(test, project, reveal);

    expect(token).toMatchObject({
      token_id: '2',
      verdict: 'staged',
      effect: 'updated',
      error_code: null,
      advice: null,
      metadata_url: expect.stringContaining('/2') as string,
      changed_fields: ['name', 'image_url', 'image_original', 'attributes'],
      traits_added: [{ trait_type: 'Rarity', value: 'Legendary' }],
      traits_removed: [{ trait_type: 'Stage', value: 'Egg' }],
      omitted: null,
    });
    const path = `/v1/collections/${project.collectionAddress}/tokens/2`;
    const shown = (await http(test.app).get(path).expect(200)).body as Record<string, unknown>;
    const times = { last_attempt_at: null, last_success_at: null, changed_at: null };
    expect({ ...token.record, ...times }).toEqual({ ...shown, ...times });
  });

  it('a token that failed says why, and what to do; a retry of it is pending', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project);

    const failed = await look(project, reveal, '/tokens/2');
    await control(test.app, project, reveal.refreshId, 'retry').expect(202);
    const pending = await look(project, reveal, '/tokens/2');
    respondWith(test, dragon, ['2']);
    await test.worker.runOnce();

    const nothing = { effect: null, record: null, changed_fields: [], warnings: [] };
    expect(failed).toMatchObject({
      ...nothing,
      verdict: 'failed',
      error_code: 'invalid_response_status_code',
      reason: 'status_404',
      status_code: 404,
      advice: expect.stringContaining('publish it') as string,
    });
    expect(pending).toMatchObject({ ...nothing, verdict: 'pending', reason: null, advice: null });
    expect(await look(project, reveal, '/tokens/2')).toMatchObject({ verdict: 'staged', effect: 'updated' });
  });

  it('a token that is unchanged, superseded or removed says so', async () => {
    const project = await aProjectWithEggs(test, 3);
    await refreshOnce(test, project, ['1']);
    const reveal = await stageReveal(test, project);
    respondWith(test, () => ({ name: 'Later' }), ['2']);
    await refreshOnce(test, project, ['2']);
    await test.app.get(TokenStore).removeTokens(project.collectionId, ['3']);

    expect(await look(project, reveal, '/tokens/1')).toMatchObject({ effect: 'unchanged', changed_fields: [] });
    expect(await look(project, reveal, '/tokens/2')).toMatchObject({
      effect: 'superseded',
      record: { name: 'Dragon 2' },
    });
    expect(await look(project, reveal, '/tokens/3')).toMatchObject({ effect: 'missing', record: null });
  });

  it('a token that the reveal does not have is 404, and an id that is none is 400', async () => {
    const project = await aProjectWithEggs(test, 3);
    const { revealId } = await stageReveal(test, project, { token_ids: ['1', '2'] });

    const { body } = await revealRequest(test, project, 'get', `${revealId}/tokens/3`).expect(404);

    expect(body).toMatchObject({ code: 'token_not_found', message: `Token 3 is not a token of reveal ${revealId}.` });
    await revealRequest(test, project, 'get', `${revealId}/tokens/x`).expect(400);
  });

  it('the document of a token is shown with exact numbers', async () => {
    const project = await test.aProject({ tokens: ['0'] });
    test.metadataApi.respond('0', 200, '{"name":"Zero","supply":123456789012345678901234567890}');
    const { revealId } = await stageReveal(test, project);

    const { text } = await revealRequest(test, project, 'get', `${revealId}/tokens/0`).expect(200);

    expect(text).toContain('"supply":123456789012345678901234567890');
  });

  it('all staged tokens are listed page by page, none twice and none skipped', async () => {
    const project = await aProjectWithEggs(test, 7);
    test.metadataApi.respond('4', 404);
    const reveal = await stageReveal(test, project);

    const pages: { token_id: string; name: string; image_url: string }[][] = [];
    for (let cursor = '', remaining = 1; remaining === 1;) {
      const page = await look<{ result: (typeof pages)[number]; cursor: string; remaining: number }>(
        project,
        reveal,
        `/tokens?page_size=3&cursor=${cursor}`,
      );
      pages.push(page.result);
      ({ cursor, remaining } = page);
    }

    expect(pages.map((page) => page.map(({ token_id }) => token_id))).toEqual([
      ['1', '2', '3'],
      ['5', '6', '7'],
    ]);
    expect(pages[0]![0]).toMatchObject({
      name: 'Dragon 1',
      image_url: 'https://img.example/1.png',
      effect: 'updated',
      warnings: [],
      changed_fields: ['name', 'image_url', 'image_original', 'attributes'],
    });
  });
});

describe('who may look at a reveal', () => {
  const PATHS = ['/traits', '/lint', '/tokens', '/tokens/1'];

  it.each(PATHS)('%s of the reveal of another project is 404, and of none 401', async (path) => {
    const project = await aProjectWithEggs(test, 1);
    const { revealId } = await stageReveal(test, project);
    const other = await test.aProject();

    const { body } = await revealRequest(test, other, 'get', `${revealId}${path}`).expect(404);

    expect(body).toMatchObject({ code: 'reveal_not_found' });
    await http(test.app).get(`/v1/reveals/${revealId}${path}`).expect(401);
    await revealRequest(test, project, 'post', `${revealId}${path}`).expect(405);
    await revealRequest(test, project, 'get', `${revealId}${path}?page=1`).expect(400);
  });

  it.each(PATHS)('%s of a reveal that has ended is refused, and says where to look', async (path) => {
    const [published, cancelled] = [await aProjectWithEggs(test, 1), await aProjectWithEggs(test, 1)];
    const [first, second] = [await stageReveal(test, published), await stageReveal(test, cancelled)];
    await publishReveal(test, published, first);
    await revealRequest(test, cancelled, 'post', `${second.revealId}/cancel`).expect(202);

    const responses = [
      await revealRequest(test, published, 'get', `${first.revealId}${path}`).expect(409),
      await revealRequest(test, cancelled, 'get', `${second.revealId}${path}`).expect(409),
    ];

    expect(responses.map(({ body }) => body as object)).toMatchObject([
      { code: 'reveal_ended', message: expect.stringContaining('in the records') as string },
      { code: 'reveal_ended', message: expect.stringContaining('Create a new one') as string },
    ]);
  });
});

describe('large reveals', () => {
  // Of the tables that autovacuum has analysed since; the statistics of the others are from before.
  it.each([
    [[]],
    [['tokens']],
    [['collection_traits']],
    [['tokens', 'token_documents', 'token_search', 'collection_traits']],
  ])(
    'each read of a large reveal goes through the rows of its collection once, by indexes, with statistics from before, but for those of %j',
    async (analysed) => {
      const TOKENS = 6000;
      const { project, reveal } = await aLargeReveal(TOKENS);
      await aLargeReveal(100);
      for (const table of analysed) await test.database.query(`analyze nft_metadata.${table}`);

      for (const path of ['', '/traits', '/lint', '/tokens', '/tokens/4000']) {
        const statements = await captureStatements(() => look(project, reveal, path));
        const reads = await explainReads(test.database.url, statements.filter(isOfPreview));
        const largest = await explainLargestStep(test.database.url, statements.filter(isOfPreview));

        expect(reads.filter(({ node }) => node === 'Seq Scan')).toEqual([]);
        expect(Math.max(...reads.map(({ rows }) => rows))).toBeLessThanOrEqual(2 * TOKENS + 1000);
        // Of a trait that few tokens miss, each of five examples looks at the six values of each token.
        expect(largest).toBeLessThanOrEqual(5 * 6 * TOKENS);
      }
    },
  );

  it('what a large reveal would change is computed once for those who ask soon after each other', async () => {
    const { project, reveal } = await aLargeReveal(6000);

    const first = await readReveal(test, project, reveal);
    const statements = await captureStatements(async () => {
      expect(await readReveal(test, project, reveal)).toEqual(first);
    });

    expect(first['changes']).toMatchObject({ updated: 6000, fields: { name: 6000 }, traits: { types_added: 1 } });
    expect(statements.filter(({ text }) => text.includes('staged_documents'))).toEqual([]);
  });
});

/** Statements about documents and records, and the settings that they run with; not that of the API key. */
function isOfPreview({ text }: { text: string }): boolean {
  return /staged_documents|collection_traits|set_config/.test(text);
}

/** A reveal of one token, and more documents that SQL has staged: each has the traits of the next token, and another name. */
async function aLargeReveal(tokens: number): Promise<{ project: TestProject; reveal: RevealIds }> {
  // Autovacuum has analysed the tables while they were smaller.
  await test.database.query('analyze nft_metadata.staged_documents, nft_metadata.tokens, nft_metadata.token_documents');
  const project = await test.aProject();
  await fillCollection(test.app, test.database, { id: project.collectionId, tokens });
  respondWith(test, dragon, ['1']);
  const reveal = await stageReveal(test, project, { token_ids: ['1'] });
  await test.database.query(
    `with moved as (
       select token_id, id, coalesce(lead(trait_ids) over (order by token_id), trait_ids) as trait_ids
       from nft_metadata.token_search where collection_id = $1
     )
     insert into nft_metadata.staged_documents (
       reveal_id, refresh_id, fetch_seq, fetched_at, size, has_image, token_id, content_hash, metadata_url, metadata_source,
       trait_ids, metadata, raw
     )
     select $2, $3, 1, now(), 300, true, token_id, 'staged ' || token_id, 'https://api.example/' || token_id, 'metadata_api', trait_ids,
       ($4::jsonb || jsonb_build_object(
         'name', 'Revealed ' || token_id, 'imageUrl', 'https://img.example/' || div(token_id, 2) || '.png',
         'attributes', (
           select jsonb_agg(attribute || '{"displayType": null, "maxValue": null}')
           from jsonb_array_elements(document.attributes::jsonb) as one (attribute)
         )
       ))::json,
       '{}'
     from moved join nft_metadata.token_documents as document using (id)
     on conflict do nothing`,
    [project.collectionId, reveal.revealId, reveal.refreshId, JSON.stringify(emptyMetadata)],
  );
  await test.database.query('update nft_metadata.reveals set staged = $2, total = $2 where id = $1', [
    reveal.revealId,
    tokens,
  ]);
  return { project, reveal };
}
