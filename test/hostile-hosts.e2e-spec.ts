import { TokenStore, type TokenRecord } from '@app/token-store';
import { prepareBombs, type Behaviour } from './support/host-behaviours.js';
import { http, readErrors, readRefresh } from './support/project-api.js';
import { startServiceProcess, type ServiceProcess } from './support/service-process.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

const UNREACHABLE = 'unable_to_retrieve_metadata';
const BAD_STATUS = 'invalid_response_status_code';
const UNDECODABLE = 'unable_to_decode_response';

/** What becomes of a token whose host behaves so: null for a success, else the public code, the reason and the tries. */
const endings: Record<Behaviour, null | [code: string, reason: string, tries?: number]> = {
  'answers well': null, // C1
  'sends a byte order mark': null, // C2
  'sends white space around': null, // C3
  'says text/plain': null, // C4
  'says octet-stream': null, // C4
  'says no content type': null, // C4
  'speaks Latin-1': null, // C16
  'sends an invalid byte': null, // C17
  'sends NULs': null, // C18
  'sends half characters': null, // C19
  'sends long numbers': null, // C28
  'sends keys of prototypes': null, // C27
  'sends keys twice': null, // C27
  'sends null for everything else': null, // C29
  'sends a data: URI': null, // C13
  'sends a picture': null, // C14
  'sends a film': null, // C15
  'sends gzip': null, // C20
  'sends deflate': null, // C20
  'sends brotli': null, // C20
  'sends a byte at a time, quickly': null,
  'sends 5 MB of text': null,
  'sends 5 MB of half characters': null,
  'sends 5 MB of numbers': null,
  'sends 5,000 attributes': null, // F28
  'answers once on each connection': null,
  'redirects once': null, // D1
  'redirects three times': null, // D1

  'sends text before the document': [UNDECODABLE, 'invalid_json'], // C5
  'sends a web page': [UNDECODABLE, 'not_json'], // C6
  'sends nothing': [UNDECODABLE, 'empty_body'], // C7
  'sends null': [UNDECODABLE, 'wrong_type'], // C8
  'sends a string': [UNDECODABLE, 'wrong_type'], // C8
  'sends a number': [UNDECODABLE, 'wrong_type'], // C8
  'sends a list': [UNDECODABLE, 'wrong_type'], // C9
  'sends an empty object': [UNDECODABLE, 'empty_metadata'], // C10
  'sends an error with status 200': [UNDECODABLE, 'no_known_fields'], // C11
  'wraps the document': [UNDECODABLE, 'no_known_fields'], // C30
  'sends trailing commas': [UNDECODABLE, 'invalid_json'], // C12
  'sends comments': [UNDECODABLE, 'invalid_json'], // C12
  'sends single quotes': [UNDECODABLE, 'invalid_json'], // C12
  'cuts the document': [UNDECODABLE, 'invalid_json'],
  'sends 100,000 levels': [UNDECODABLE, 'too_deep'], // C26
  'sends 100,000 levels unclosed': [UNDECODABLE, 'too_deep'], // C26
  'sends a million values': [UNDECODABLE, 'too_deep'],
  'compresses twice': [UNDECODABLE, 'invalid_encoding'],

  'answers 201': [BAD_STATUS, 'status_201'],
  'answers 204': [BAD_STATUS, 'status_204'], // C7
  'answers 206': [BAD_STATUS, 'status_206'],
  'answers 301 to nowhere': [BAD_STATUS, 'status_301'],
  'answers 304 unasked': [BAD_STATUS, 'status_304'],
  'answers 400': [BAD_STATUS, 'status_400'],
  'answers 401': [BAD_STATUS, 'status_401'], // D7
  'answers 403': [BAD_STATUS, 'status_403'], // D7
  'answers 404': [BAD_STATUS, 'status_404'], // D4
  'answers 410': [BAD_STATUS, 'status_410'], // D6
  'answers 500': [BAD_STATUS, 'status_500'], // D8
  'answers 502 without end': [BAD_STATUS, 'status_502'],
  'answers 429': [BAD_STATUS, 'status_429', 3], // D10, D24
  'answers 429 and asks for rubbish': [BAD_STATUS, 'status_429', 3], // D12
  'answers 503': [BAD_STATUS, 'status_503', 3], // D24
  'answers 503 and asks for the past': [BAD_STATUS, 'status_503', 3], // D12
  'answers 503 and breaks off': [BAD_STATUS, 'status_503', 3],
  'answers 429 and hangs': [BAD_STATUS, 'status_429', 3],

  hangs: [UNREACHABLE, 'timeout'], // D20
  'drips a byte at a time': [UNREACHABLE, 'timeout'], // D21
  'drips its headers': [UNREACHABLE, 'timeout'], // D21
  'closes at once': [UNREACHABLE, 'connection_reset'], // D18
  'stops in the middle of the body': [UNREACHABLE, 'incomplete_body'], // D19, C25
  'stops in the middle of a chunk': [UNREACHABLE, 'incomplete_body'], // C25
  'cuts a gzip body': [UNREACHABLE, 'incomplete_body'],
  'says gzip and is not': [UNREACHABLE, 'incomplete_body'],
  'speaks no HTTP': [UNREACHABLE, 'incomplete_body'],
  'sends headers without end': [UNREACHABLE, 'incomplete_body'],
  'declares too much': [UNREACHABLE, 'too_large'], // C24
  'sends without end': [UNREACHABLE, 'too_large'], // C23
  'sends 6 MB': [UNREACHABLE, 'too_large'], // C22
  'sends a gzip bomb': [UNREACHABLE, 'too_large'], // C21
  'sends a deflate bomb': [UNREACHABLE, 'too_large'], // C21
  'sends a brotli bomb': [UNREACHABLE, 'too_large'], // C21
  'redirects four times': [UNREACHABLE, 'too_many_redirects'], // D2
  'redirects in a circle': [UNREACHABLE, 'too_many_redirects'], // D2
  'redirects to the cloud metadata service': [UNREACHABLE, 'blocked_address'], // E4, E6
  'redirects to loopback': [UNREACHABLE, 'blocked_address'], // E6
  'redirects to IPv6 loopback': [UNREACHABLE, 'blocked_address'], // E2, E6
  'redirects to a private name': [UNREACHABLE, 'blocked_address'], // E7
  'redirects to a database': [UNREACHABLE, 'blocked_port'], // E11
  'redirects to a file': [UNREACHABLE, 'unsupported_scheme'], // A47
  'redirects to a script': [UNREACHABLE, 'unsupported_scheme'], // A47
  'redirects with credentials': [UNREACHABLE, 'invalid_uri'], // A50
  'redirects to no URL': [UNREACHABLE, 'invalid_uri'],
  'has no certificate': [UNREACHABLE, 'tls'], // D22
};

/** Tokens of each behaviour, so that each meets every other one in one batch or another. */
const EACH = 4;

let test: TestApp;
let worker: ServiceProcess;
let project: TestProject;
/** Behaviour by token id. */
const cast = new Map<string, Behaviour>();
beforeAll(async () => {
  prepareBombs();
  test = await startApp();
  // A process of its own: what these hosts do to the worker, they do not do to the hosts.
  worker = await startServiceProcess(test, 'worker');
  const names = Object.keys(endings) as Behaviour[];
  for (let round = 0; round < EACH; round += 1) {
    for (const name of names) cast.set(String(cast.size + 1), name);
  }
  project = await test.aProject({ tokens: [...cast.keys()], limits: { tokensPerRequest: 1000 } });
});
afterAll(async () => {
  worker.process.kill('SIGKILL');
  await test.stop();
});

async function refreshAll(): Promise<string> {
  const { body } = await http(test.app)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', project.apiKey)
    .send({ collection_address: project.collectionAddress, token_ids: [...cast.keys()] })
    .expect(202);
  const refreshId = (body as { refresh_id: string }).refresh_id;
  await vi.waitUntil(async () => (await readRefresh(test.app, project, refreshId))['status'] === 'completed', {
    timeout: 90_000,
    interval: 200,
  });
  return refreshId;
}

async function allErrors(refreshId: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (let cursor = ''; ;) {
    const { body } = await http(test.app)
      .get(`/v1/metadata-refreshes/${refreshId}/errors?page_size=200&cursor=${cursor}`)
      .set('x-api-key', project.apiKey)
      .expect(200);
    const page = body as { result: Record<string, unknown>[]; cursor: string; remaining: number };
    rows.push(...page.result);
    if (page.remaining === 0) return rows;
    cursor = page.cursor;
  }
}

const rawOf = async () =>
  new Map(
    (
      await test.database.query<{ id: string; row: string }>(
        `select token_id::text as id, row_to_json(good)::text as row from (
           select token_id, name, description, image_url, image_original, animation_url, attributes, raw, content_hash,
             metadata_version, trait_ids, changed_at, last_success_at
           from nft_metadata.tokens where collection_id = $1
         ) as good`,
        [project.collectionId],
      )
    ).map(({ id, row }) => [id, row]),
  );

it(
  'some hundred hostile answers in one refresh damage no good record, and end as they are documented',
  { timeout: 180_000 },
  async () => {
    await refreshAll(); // all is well: every token gets a good record
    const good = await rawOf();
    for (const [tokenId, behaviour] of cast) test.metadataApi.misbehave(tokenId, behaviour);
    test.metadataApi.hits.clear();

    const refreshId = await refreshAll();

    const expected = [...cast].filter(([, behaviour]) => endings[behaviour] !== null);
    const errors = new Map((await allErrors(refreshId)).map((row) => [row['token_id'] as string, row]));
    const ended = expected.map(([tokenId, behaviour]) => {
      const error = errors.get(tokenId);
      return [tokenId, behaviour, error?.['error_code'], error?.['reason']];
    });
    expect(ended).toEqual(
      expected.map(([tokenId, behaviour]) => [tokenId, behaviour, ...endings[behaviour]!.slice(0, 2)]),
    );
    const unexpected = [...errors.values()].filter(({ token_id }) => endings[cast.get(String(token_id))!] === null);
    expect(unexpected.map(({ token_id, reason }) => [cast.get(String(token_id)), reason])).toEqual([]);
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: cast.size - expected.length, failed: expected.length, pending: 0 },
    });

    const tries = await test.database.query<{ id: string; tries: number }>(
      'select token_id::text as id, max(attempt)::int as tries from nft_metadata.refresh_attempts where refresh_id = $1 group by 1',
      [refreshId],
    );
    expect(new Map(tries.map((row) => [row.id, row.tries]))).toEqual(
      new Map([...cast].map(([tokenId, behaviour]) => [tokenId, endings[behaviour]?.[2] ?? 1])),
    );

    const after = await rawOf();
    for (const [tokenId] of expected) expect(after.get(tokenId)).toBe(good.get(tokenId));
  },
);

it.each<[Behaviour, Partial<TokenRecord>]>([
  ['speaks Latin-1', { name: 'Sérgio' }],
  ['sends an invalid byte', { name: 'a\ufffd', warnings: ['invalid_utf8'] }],
  ['sends NULs', { name: 'a\ufffdb', warnings: ['replaced_characters'] }],
  ['sends half characters', { name: '\ufffd!', warnings: ['replaced_characters'] }],
  ['sends keys twice', { name: 'last' }],
  ['redirects three times', { name: 'At last' }],
])('a host that %s gives the record that is documented', async (behaviour, record) => {
  const [tokenId] = [...cast].find(([, name]) => name === behaviour)!;

  expect(await test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId })).toMatchObject(
    record,
  );
});

it('nothing that a host sends reaches the prototypes of this process [C27]', () => {
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

it('an error shows at most 4 KB of what was answered, and no address that was refused', async () => {
  const [refresh] = await test.database.query<{ id: string }>(
    'select id from nft_metadata.refreshes order by created_at desc limit 1',
  );
  const errors = await readErrors(test.app, project, refresh!.id);

  for (const { client_response_body: body } of errors) {
    expect(typeof body === 'string' ? body.length : 0).toBeLessThanOrEqual(4096);
  }
});
