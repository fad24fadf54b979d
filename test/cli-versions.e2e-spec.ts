import { commandLine } from './support/command-line.js';
import { refreshOnce } from './support/refresh-steps.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

const OIL = '{"name":"Lamp","supply":12345678901234567890,"attributes":[{"trait_type":"Lamp","value":"Oil"}]}';
const GAS = '{"name":"Lamp","supply":12345678901234567891,"attributes":[{"trait_type":"Lamp","value":"Gas"}]}';

let test: TestApp;
let project: TestProject;
let refreshes: string[];
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject({ tokens: ['1', '2'] });
  refreshes = [];
  for (const document of [OIL, GAS]) {
    test.metadataApi.respond('1', 200, document);
    refreshes.push(await refreshOnce(test, project, ['1']));
  }
});
afterAll(() => test.stop());

const { run, json, refused } = commandLine(() => ({ DATABASE_URL: test.database.url }));
const token = (command: string, ...options: string[]) => [
  'token',
  command,
  '--collection',
  project.collectionAddress,
  '--token',
  '1',
  ...options,
];
const show = () => json(...token('show'));

it('the command line lists the versions of a token with what each changed, newest first', async () => {
  const second = {
    version: 2,
    created_at: expect.any(String) as string,
    trigger: 'api',
    refresh_id: refreshes[1],
    content_hash: expect.any(String) as string,
    has_document: true,
    changed_fields: ['attributes'],
    traits_added: [{ trait_type: 'Lamp', value: 'Gas' }],
    traits_removed: [{ trait_type: 'Lamp', value: 'Oil' }],
    has_all_traits: true,
  };
  const first = {
    ...second,
    version: 1,
    refresh_id: refreshes[0],
    changed_fields: ['name', 'attributes'],
    traits_added: [{ trait_type: 'Lamp', value: 'Oil' }],
    traits_removed: [],
  };

  expect(await json(...token('versions'))).toEqual({ versions: [second, first] });
  expect(await json(...token('versions', '--limit', '1'))).toEqual({ versions: [second] });
  expect(await json(...token('versions', '--before', '2'))).toEqual({ versions: [first] });
  expect((await run(...token('versions'))).out).toMatch(/^version: 2 .*\nversion: 1 .* traits_added: Lamp=Oil .*\n$/);
});

it('the command line prints the document of a version as it was served, and as a part of one JSON object', async () => {
  const plain = await run(...token('version', '--version', '1'));
  const object = await run(...token('version', '--version', '1', '--json'));

  expect(plain).toEqual({ status: 0, out: `${OIL}\n`, err: '' });
  expect(object.out).toContain(`"document":${OIL}}`);
  expect(JSON.parse(object.out)).toMatchObject({ version: 1, trigger: 'api' });
});

it('the command line prints what changed between two versions, with a patch whose numbers are exact', async () => {
  const { status, out } = await run(...token('diff', '--from', '1'));
  const back = await json(...token('diff', '--from', '2', '--to', '1'));

  expect(status).toBe(0);
  expect(out.split('\n').slice(0, 5)).toEqual([
    'from: 1',
    'to: 2',
    'changed_fields: attributes',
    'traits_added: Lamp=Gas',
    'traits_removed: Lamp=Oil',
  ]);
  expect(out).toContain('{"op":"replace","path":"/supply","value":12345678901234567891}');
  expect(back).toMatchObject({
    from: 2,
    to: 1,
    changed_fields: ['attributes'],
    traits_added: [{ trait_type: 'Lamp', value: 'Oil' }],
    traits_removed: [{ trait_type: 'Lamp', value: 'Gas' }],
    has_all_traits: true,
  });
  expect(back['patch']).toContainEqual({ op: 'replace', path: '/attributes/0/value', value: 'Oil' });
});

it('the command line restores a version with a hold, and ends the hold', async () => {
  const restored = await json(...token('restore', '--version', '1', '--hold-until', 'forever'));
  const held = await show();
  const refresh = await json('refresh', 'show', '--refresh', String(restored['refresh_id']));
  const ended = await json(...token('end-hold'));
  const timed = await json(...token('restore', '--version', '2', '--hold-until', '2999-01-01T00:00:00Z'));

  expect(restored).toMatchObject({ verdict: 'updated', metadata_version: 3 });
  expect(held).toMatchObject({ metadata_version: 3, held_until: 'forever' });
  expect(refresh).toMatchObject({ refresh_id: restored['refresh_id'] });
  expect(ended).toEqual({ token_id: '1', held_until: null });
  expect(timed).toMatchObject({ verdict: 'updated', metadata_version: 4 });
  expect(await show()).toMatchObject({ metadata_version: 4, held_until: '2999-01-01T00:00:00.000Z' });
});

it('mistakes with versions are one line that says what is wrong', async () => {
  expect(await refused(...token('version', '--version', '77'))).toMatch(/version 77/i);
  expect(await refused(...token('restore', '--version', '1', '--hold-until', '2020-01-01T00:00:00Z'))).toMatch(
    /must end in the future/,
  );
  expect((await run(...token('restore', '--version', '0'))).err).toMatch(/numbered 1, 2, 3/);
  expect((await run(...token('restore', '--version', '1', '--hold-until', 'soon'))).err).toMatch(
    /2026-12-01T12:00:00Z/,
  );
  expect(await refused('token', 'end-hold', '--collection', project.collectionAddress, '--token', '2')).toMatch(
    /Token 2 is not held/,
  );
});
