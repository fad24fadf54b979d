import { TokenStore, VersionStore, type VersionChange } from '@app/token-store';
import { http } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let versions: VersionStore;
beforeAll(async () => {
  test = await startApp();
  versions = test.app.get(VersionStore);
});
afterAll(() => test.stop());

const lamp = (value: string, rest: object = {}) => ({
  name: 'Lamp',
  attributes: [{ trait_type: 'Lamp', value }],
  ...rest,
});

/** Refreshes a token once for each of these documents. Returns the ids of the refreshes. */
async function serveInTurn(project: TestProject, tokenId: string, documents: readonly (object | string)[]) {
  const refreshes: string[] = [];
  for (const document of documents) {
    test.metadataApi.respond(tokenId, 200, document);
    refreshes.push(await refreshOnce(test, project, [tokenId]));
  }
  return refreshes;
}

const trait = (value: string) => ({ traitType: 'Lamp', value });
const byVersion = (changes: readonly VersionChange[]) => changes.toSorted((one, other) => one.version - other.version);

interface VersionRow {
  version: number;
  refreshId: string;
  trigger: string;
  replaced: string | null;
}

const rowsOf = ({ collectionId }: TestProject, tokenId: string) =>
  test.database.query<VersionRow>(
    `select version.version, version.refresh_id as "refreshId", version.trigger, version.replaced_raw::text as replaced
     from nft_metadata.token_versions as version join nft_metadata.tokens as token using (id)
     where token.collection_id = $1 and token.token_id = $2 order by version.version`,
    [collectionId, tokenId],
  );

describe('rows of versions', () => {
  it('each change of a record is one row with the refresh and the document that it replaced, to the last digit; the same document makes none', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const first = '{"name":"Lamp","attributes":[{"trait_type":"Lamp","value":"Oil"}],"supply":12345678901234567890.10}';
    const [oil, , gas] = await serveInTurn(project, '1', [first, first, lamp('Gas', { description: 'Lit' })]);

    expect(await rowsOf(project, '1')).toEqual([
      { version: 1, refreshId: oil, trigger: 'api', replaced: null },
      { version: 2, refreshId: gas, trigger: 'api', replaced: first },
    ]);
  });

  it('a change of the document in parts that the record does not have is a version without changed fields', async () => {
    const project = await test.aProject({ tokens: ['2'] });
    await serveInTurn(project, '2', [lamp('Oil', { extra: 1 }), lamp('Oil', { extra: 2 })]);

    expect(await versions.findChanges(project.collectionId, [{ tokenId: '2', version: 2 }])).toEqual([
      { tokenId: '2', version: 2, changedFields: [], traitsAdded: [], traitsRemoved: [], hasAllTraits: true },
    ]);
  });

  it('the changes of versions name fields and traits; those that do not exist are left out', async () => {
    const project = await test.aProject({ tokens: ['3', '4'] });
    await serveInTurn(project, '3', [lamp('Oil'), lamp('Gas', { name: 'Gas lamp' }), { name: 'Dark' }, lamp('Oil')]);
    await serveInTurn(project, '4', [{ name: 'Four' }]);
    const wanted = [1, 2, 3, 4, 5].map((version) => ({ tokenId: '3', version }));

    const changes = await versions.findChanges(project.collectionId, [...wanted, { tokenId: '77', version: 1 }]);
    const ofFour = await versions.findChanges(project.collectionId, [{ tokenId: '4', version: 1 }]);

    expect(byVersion(changes)).toMatchObject([
      { version: 1, changedFields: ['name', 'attributes'], traitsAdded: [trait('Oil')], traitsRemoved: [] },
      { version: 2, changedFields: ['name', 'attributes'], traitsAdded: [trait('Gas')], traitsRemoved: [trait('Oil')] },
      { version: 3, changedFields: ['name', 'attributes'], traitsAdded: [], traitsRemoved: [trait('Gas')] },
      { version: 4, changedFields: ['name', 'attributes'], traitsAdded: [trait('Oil')], traitsRemoved: [] },
    ]);
    expect(ofFour).toMatchObject([{ tokenId: '4', changedFields: ['name'], traitsAdded: [] }]);
    expect(await versions.findChanges(project.collectionId, [])).toEqual([]);
  });

  it('a change of very many traits names a hundred, and says that there are more', async () => {
    const project = await test.aProject({ tokens: ['5'] });
    const attributes = Array.from({ length: 150 }, (_, at) => ({ trait_type: `Part ${at}`, value: 'yes' }));
    await serveInTurn(project, '5', [{ name: 'Many', attributes }, { name: 'Many' }]);

    const [one, two] = byVersion(
      await versions.findChanges(
        project.collectionId,
        [1, 2].map((version) => ({ tokenId: '5', version })),
      ),
    );

    expect(one).toMatchObject({ hasAllTraits: false, traitsRemoved: [] });
    expect(one!.traitsAdded).toHaveLength(100);
    expect(two).toMatchObject({ hasAllTraits: false, traitsAdded: [] });
    expect(two!.traitsRemoved).toHaveLength(100);
  });

  it('removing a token removes its versions', async () => {
    const project = await test.aProject({ tokens: ['6', '7'] });
    await serveInTurn(project, '6', [lamp('Oil'), lamp('Gas')]);
    await serveInTurn(project, '7', [lamp('Oil')]);

    await test.app.get(TokenStore).removeTokens(project.collectionId, ['6']);

    expect(await rowsOf(project, '6')).toEqual([]);
    expect(await rowsOf(project, '7')).toHaveLength(1);
    const [left] = await test.database.query<{ rows: number }>(
      `select count(*)::int as rows from nft_metadata.token_versions as version
       where not exists (select from nft_metadata.tokens as token where token.id = version.id)`,
    );
    expect(left).toEqual({ rows: 0 });
  });
});

describe('the history of a token over HTTP', () => {
  const path = ({ collectionAddress }: TestProject, tokenId: string, rest = '') =>
    `/v1/collections/${collectionAddress}/tokens/${tokenId}/versions${rest}`;
  const read = async (url: string) => (await http(test.app).get(url).expect(200)).body as Record<string, unknown>;
  const wireTrait = (value: string) => ({ trait_type: 'Lamp', value });

  it('lists versions in pages, newest first, each with what it changed and the refresh that made it', async () => {
    const project = await test.aProject({ tokens: ['10'] });
    const refreshes = await serveInTurn(project, '10', [lamp('Oil'), lamp('Gas'), lamp('Gas', { name: 'Gas lamp' })]);

    const first = await read(`${path(project, '10')}?page_size=2`);
    const second = await read(`${path(project, '10')}?page_size=2&cursor=${String(first['cursor'])}`);

    const fields = { trigger: 'api', has_document: true, has_all_traits: true };
    expect(first).toMatchObject({
      remaining: 1,
      result: [
        { ...fields, version: 3, refresh_id: refreshes[2], changed_fields: ['name'], traits_added: [] },
        {
          ...fields,
          version: 2,
          refresh_id: refreshes[1],
          changed_fields: ['attributes'],
          traits_added: [wireTrait('Gas')],
          traits_removed: [wireTrait('Oil')],
        },
      ],
    });
    expect(second).toMatchObject({
      remaining: 0,
      result: [{ ...fields, version: 1, refresh_id: refreshes[0], changed_fields: ['name', 'attributes'] }],
    });
  });

  it('returns the document of each version as served, to the last digit, with an ETag', async () => {
    const project = await test.aProject({ tokens: ['11'] });
    const documents = ['{"name":"One","supply":12345678901234567890.10}', '{"name":"Two","supply":1e2}'];
    await serveInTurn(project, '11', documents);

    for (const [index, document] of documents.entries()) {
      const { text, headers } = await http(test.app)
        .get(path(project, '11', `/${index + 1}`))
        .expect(200);
      expect(text).toContain(`"document":${document}}`);
      await http(test.app)
        .get(path(project, '11', `/${index + 1}`))
        .set('if-none-match', headers['etag']!)
        .expect(304);
    }
  });

  it('compares two versions in both directions: fields, traits, and a JSON Patch with exact numbers', async () => {
    const project = await test.aProject({ tokens: ['12'] });
    await serveInTurn(project, '12', [
      '{"name":"A","supply":12345678901234567890,"attributes":[{"trait_type":"Lamp","value":"Oil"}]}',
      '{"name":"B","supply":12345678901234567891,"attributes":[{"trait_type":"Lamp","value":"Oil"}]}',
      '{"name":"A","supply":12345678901234567891,"attributes":[{"trait_type":"Lamp","value":"Gas"}]}',
    ]);

    const step = await http(test.app)
      .get(path(project, '12', '/1/diff?to=2'))
      .expect(200);
    const whole = await read(path(project, '12', '/1/diff'));
    const back = await read(path(project, '12', '/3/diff?to=1'));
    const same = await read(path(project, '12', '/2/diff?to=2'));

    expect(step.text).toContain(
      '"patch":[{"op":"replace","path":"/name","value":"B"},{"op":"replace","path":"/supply","value":12345678901234567891}]}',
    );
    // The name changed and changed back.
    expect(whole).toMatchObject({
      from: 1,
      to: 3,
      changed_fields: ['attributes'],
      traits_added: [wireTrait('Gas')],
      traits_removed: [wireTrait('Oil')],
    });
    expect(back).toMatchObject({
      from: 3,
      to: 1,
      changed_fields: ['attributes'],
      traits_added: [wireTrait('Oil')],
      traits_removed: [wireTrait('Gas')],
    });
    expect(back['patch']).toContainEqual({ op: 'replace', path: '/attributes/0/value', value: 'Oil' });
    expect(same).toMatchObject({ changed_fields: [], traits_added: [], patch: [] });
  });

  it('the command line says what is wrong with a version: unknown tokens, unknown versions, and documents that are not kept', async () => {
    const project = await test.aProject({ tokens: ['13', '14'] });
    await serveInTurn(project, '13', [lamp('Oil'), lamp('Gas'), lamp('Wick')]);
    await test.database.query(
      `update nft_metadata.token_versions set replaced_raw = null
       where version = 2 and id = (select id from nft_metadata.tokens where collection_id = $1 and token_id = 13)`,
      [project.collectionId],
    );
    const codeOf = async (url: string) => {
      const { status, body } = await http(test.app).get(url);
      return { status, code: (body as { code?: string }).code };
    };

    expect(await codeOf(path(project, '99'))).toEqual({ status: 404, code: 'token_not_found' });
    expect(await codeOf(path(project, '99', '/1'))).toEqual({ status: 404, code: 'token_not_found' });
    expect(await codeOf(path(project, '99', '/1/diff'))).toEqual({ status: 404, code: 'token_not_found' });
    expect(await codeOf(path(project, '13', '/4'))).toEqual({ status: 404, code: 'version_not_found' });
    expect(await codeOf(path(project, '13', '/1'))).toEqual({ status: 410, code: 'version_not_kept' });
    expect(await codeOf(path(project, '13', '/1/diff?to=3'))).toEqual({ status: 410, code: 'version_not_kept' });
    expect(await codeOf(path(project, '13', '/0'))).toEqual({ status: 400, code: 'input_validation_failed' });
    expect(await codeOf(path(project, '13', '/3/diff?to=x'))).toEqual({ status: 400, code: 'input_validation_failed' });
    expect(await codeOf(path(project, '13', '?chain=1'))).toEqual({ status: 400, code: 'input_validation_failed' });
    expect(await read(path(project, '14'))).toEqual({ result: [], cursor: '', remaining: 0 });
    expect(await read(path(project, '13'))).toMatchObject({
      result: [{ has_document: true }, { has_document: true }, { has_document: false }],
    });
  });
});
