import { http } from './support/project-api.js';
import { aTestnetProject, TESTNET, TESTNET_ID } from './support/pushed-metadata.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  test = await startApp();
  project = await aTestnetProject(test, { tokens: ['1'] });
});
afterAll(() => test.stop());

/** The status and the message of a response. */
async function outcome(
  request: ReturnType<ReturnType<typeof http>['get']>,
): Promise<[status: number, message: string]> {
  const { status, body } = await request.set('x-api-key', project.apiKey);
  return [status, (body as { message?: string }).message ?? ''];
}

const refresh = (fields: object) =>
  http(test.app)
    .post('/v1/metadata-refreshes')
    .send({ collection_address: project.collectionAddress, all: true, ...fields });

const restore = (body: object) =>
  http(test.app)
    .post(`/v1/collections/${project.collectionAddress}/tokens/1/versions/1/restore?chain_id=${TESTNET_ID}`)
    .send(body);

const nfts = (time: string) =>
  http(test.app).get(`/v1/chains/${TESTNET}/nfts?from_updated_at=${encodeURIComponent(time)}`);

/** Each is a time by RFC 3339, or a cousin of it. */
const TIMES = [
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+14:00',
  '9999-12-31T23:59:59-01:00',
  '+010000-01-01T00:00:00Z',
  '294277-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-12-01T00:00:00\0Z',
];

it.each(TIMES)(
  'a request with the time %j, which the database cannot read, gets 400 that names the field',
  async (time) => {
    expect(await outcome(refresh({ not_refreshed_since: time }))).toEqual([
      400,
      expect.stringMatching(/^not_refreshed_since must be a time in RFC 3339, in the years 1 to 9999, such as/),
    ]);
    expect(await outcome(refresh({ not_before: time }))).toEqual([
      400,
      expect.stringMatching(/^not_before must be a time in RFC 3339, in the years 1 to 9999, such as/),
    ]);
    expect(await outcome(restore({ hold_until: time }))).toEqual([
      400,
      expect.stringMatching(
        /^hold_until must be a time in RFC 3339, in the years 1 to 9999, such as .*, or "forever"$/,
      ),
    ]);
    expect(await outcome(nfts(time))).toEqual([
      400,
      expect.stringMatching(/^from_updated_at must be a time in RFC 3339, in the years 1 to 9999, such as/),
    ]);
  },
);

it.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'])(
  'the time %s, at the limit, is read by the database',
  async (time) => {
    expect((await outcome(nfts(time)))[0]).toBe(200);
    const [status, message] = await outcome(refresh({ not_refreshed_since: time }));
    // No token was fetched, so all are selected.
    expect([status, message]).toEqual([202, '']);
  },
);

it('a URL with U+0000, which the database does not store, gets 400 that names the field', async () => {
  const url = 'https://partner.example/a\0b';

  const patch = http(test.app).patch(`/v1/collections/${project.collectionAddress}?chain_id=${TESTNET_ID}`);

  expect(await outcome(http(test.app).post('/v1/webhooks').send({ url }))).toEqual([
    400,
    'url must be a URL without U+0000',
  ]);
  expect(await outcome(patch.send({ metadata_url: url }))).toEqual([400, 'metadata_url must be a URL without U+0000']);
});

it.each(['metadata-refreshes', 'collections'])(
  'a cursor of %s with a time that the database cannot read gets 400 that names the parameter',
  async (list) => {
    for (const createdAt of [
      '0000-01-01T00:00:00.000000Z',
      '2026-02-30T00:00:00.000000Z',
      '2026-01-01T00:00:00.000000\0Z',
    ]) {
      const position = { created_at: createdAt, id: '0b6f2d7c-5a55-4d2e-9a5e-111111111111' };
      const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');

      expect(await outcome(http(test.app).get(`/v1/${list}?cursor=${cursor}`))).toEqual([
        400,
        'cursor must be the cursor of an earlier page, unchanged',
      ]);
    }
  },
);
