import { TokenStore, VersionStore, type VersionChange } from '@app/token-store';
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
