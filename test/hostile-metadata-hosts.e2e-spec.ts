import { type Behaviour, prepareBombs } from '@app/testing';
import { TokenStore, type TokenRecord } from '@app/token-store';
import { http, readRefresh } from './support/project-api.js';
import { startServiceProcess, type ServiceProcess } from './support/service-process.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

const UNREACHABLE = 'unable_to_retrieve_metadata';
const BAD_STATUS = 'invalid_response_status_code';
const UNDECODABLE = 'unable_to_decode_response';

type Ending = 'succeeds' | [code: string, reason: string, tries?: number];

/** What becomes of a token whose host behaves so: the public code, the reason, and the tries where it is more than one. */
const endings: Record<Behaviour, { ends: Ending; cases?: string }> = {
  'responds well': { ends: 'succeeds', cases: 'C1' },
  'sends a byte order mark': { ends: 'succeeds', cases: 'C2' },
  'sends surrounding white space': { ends: 'succeeds', cases: 'C3' },
  'declares text/plain': { ends: 'succeeds', cases: 'C4' },
  'declares JSON in UTF-8': { ends: 'succeeds', cases: 'C4' },
  'declares octet-stream': { ends: 'succeeds', cases: 'C4' },
  'sends no content type': { ends: 'succeeds', cases: 'C4' },
  'sends Latin-1': { ends: 'succeeds', cases: 'C16' },
  'sends an invalid byte': { ends: 'succeeds', cases: 'C17' },
  'sends NULs': { ends: 'succeeds', cases: 'C18' },
  'sends lone surrogates': { ends: 'succeeds', cases: 'C19' },
  'sends long numbers': { ends: 'succeeds', cases: 'C28' },
  'sends prototype keys': { ends: 'succeeds', cases: 'C27' },
  'sends duplicate keys': { ends: 'succeeds', cases: 'C27' },
  'sends null for everything else': { ends: 'succeeds', cases: 'C29' },
  'sends a data: URI': { ends: 'succeeds', cases: 'C13' },
  'sends gzip': { ends: 'succeeds', cases: 'C20' },
  'sends deflate': { ends: 'succeeds', cases: 'C20' },
  'sends raw deflate': { ends: 'succeeds', cases: 'C20' },
  'sends brotli': { ends: 'succeeds', cases: 'C20' },
  'sends a byte at a time, quickly': { ends: 'succeeds' },
  'sends 200 KB in chunks of a byte': { ends: 'succeeds' },
  'sends 5 MB of text': { ends: 'succeeds' },
  'sends 5 MB of lone surrogates': { ends: 'succeeds' },
  'sends 5 MB of numbers': { ends: 'succeeds' },
  'sends 5,000 attributes': { ends: 'succeeds', cases: 'F28' },
  'responds once on each connection': { ends: 'succeeds' },
  'ends the body by closing': { ends: 'succeeds' },
  'redirects once': { ends: 'succeeds', cases: 'D1' },
  'redirects three times': { ends: 'succeeds', cases: 'D1' },

  'sends text before the document': { ends: [UNDECODABLE, 'invalid_json'], cases: 'C5' },
  'sends a web page': { ends: [UNDECODABLE, 'not_json'], cases: 'C6' },
  'sends nothing': { ends: [UNDECODABLE, 'empty_body'], cases: 'C7' },
  'sends null': { ends: [UNDECODABLE, 'wrong_type'], cases: 'C8' },
  'sends a string': { ends: [UNDECODABLE, 'wrong_type'], cases: 'C8' },
  'sends a number': { ends: [UNDECODABLE, 'wrong_type'], cases: 'C8' },
  'sends true': { ends: [UNDECODABLE, 'wrong_type'], cases: 'C8' },
  'sends a list': { ends: [UNDECODABLE, 'wrong_type'], cases: 'C9' },
  'sends an image': { ends: [UNDECODABLE, 'media_instead_of_document'] },
  'sends a video': { ends: [UNDECODABLE, 'media_instead_of_document'] },
  'sends empty fields': { ends: [UNDECODABLE, 'no_known_fields'] },
  'sends an empty object': { ends: [UNDECODABLE, 'empty_metadata'], cases: 'C10' },
  'sends an error with status 200': { ends: [UNDECODABLE, 'no_known_fields'], cases: 'C11' },
  'wraps the document': { ends: [UNDECODABLE, 'no_known_fields'], cases: 'C30' },
  'sends trailing commas': { ends: [UNDECODABLE, 'invalid_json'], cases: 'C12' },
  'sends comments': { ends: [UNDECODABLE, 'invalid_json'], cases: 'C12' },
  'sends single quotes': { ends: [UNDECODABLE, 'invalid_json'], cases: 'C12' },
  'closes in the middle of a body without a length': { ends: [UNDECODABLE, 'invalid_json'] },
  'truncates the document': { ends: [UNDECODABLE, 'invalid_json'] },
  'sends more than it declares': { ends: [UNDECODABLE, 'invalid_json'], cases: 'C23' },
  'sends 100,000 nesting levels': { ends: [UNDECODABLE, 'too_deep'], cases: 'C26' },
  'sends 100,000 unclosed nesting levels': { ends: [UNDECODABLE, 'too_deep'], cases: 'C26' },
  'sends a million values': { ends: [UNDECODABLE, 'too_deep'] },
  'compresses twice': { ends: [UNDECODABLE, 'invalid_encoding'] },

  'responds with 201': { ends: [BAD_STATUS, 'status_201'] },
  'responds with 204': { ends: [BAD_STATUS, 'status_204'], cases: 'C7' },
  'responds with 206': { ends: [BAD_STATUS, 'status_206'] },
  'responds with 301 without a location': { ends: [BAD_STATUS, 'status_301'] },
  'responds with an unrequested 304': { ends: [BAD_STATUS, 'status_304'] },
  'responds with 400': { ends: [BAD_STATUS, 'status_400'] },
  'responds with 401': { ends: [BAD_STATUS, 'status_401'], cases: 'D7' },
  'responds with 403': { ends: [BAD_STATUS, 'status_403'], cases: 'D7' },
  'responds with 404': { ends: [BAD_STATUS, 'status_404'], cases: 'D4' },
  'responds with 410': { ends: [BAD_STATUS, 'status_410'], cases: 'D6' },
  'responds with 500': { ends: [BAD_STATUS, 'status_500'], cases: 'D8' },
  'responds with 502 and an endless body': { ends: [BAD_STATUS, 'status_502'] },
  'responds with 429': { ends: [BAD_STATUS, 'status_429', 3], cases: 'D10, D24' },
  'responds with 429 and an invalid retry-after': { ends: [BAD_STATUS, 'status_429', 3], cases: 'D12' },
  'responds with 503': { ends: [BAD_STATUS, 'status_503', 3], cases: 'D24' },
  'responds with 503 and a past retry-after': { ends: [BAD_STATUS, 'status_503', 3], cases: 'D12' },
  'responds with 503 and resets the connection': { ends: [BAD_STATUS, 'status_503', 3] },
  'responds with 429 and hangs': { ends: [BAD_STATUS, 'status_429', 3] },

  hangs: { ends: [UNREACHABLE, 'timeout'], cases: 'D20, G4' },
  'drips a byte at a time': { ends: [UNREACHABLE, 'timeout'], cases: 'D21' },
  'drips a large body': { ends: [UNREACHABLE, 'timeout'], cases: 'D21' },
  'drips its headers': { ends: [UNREACHABLE, 'timeout'], cases: 'D21' },
  'closes immediately': { ends: [UNREACHABLE, 'connection_reset'], cases: 'D18' },
  'stops in the middle of the body': { ends: [UNREACHABLE, 'incomplete_body'], cases: 'D19, C25' },
  'resets the connection in the middle of the body': { ends: [UNREACHABLE, 'incomplete_body'], cases: 'D19' },
  'ends the body with a reset': { ends: [UNREACHABLE, 'incomplete_body'], cases: 'C25' },
  'stops in the middle of a chunk': { ends: [UNREACHABLE, 'incomplete_body'], cases: 'C25' },
  'truncates a gzip body': { ends: [UNREACHABLE, 'incomplete_body'] },
  'declares gzip but sends plain text': { ends: [UNREACHABLE, 'incomplete_body'] },
  'responds with SSH instead of HTTP': { ends: [UNREACHABLE, 'incomplete_body'] },
  'sends 200 KB of headers': { ends: [UNREACHABLE, 'incomplete_body'] },
  'declares a body of 1 TiB': { ends: [UNREACHABLE, 'too_large'], cases: 'C24' },
  'sends an endless body': { ends: [UNREACHABLE, 'too_large'], cases: 'C23' },
  'sends 6 MB': { ends: [UNREACHABLE, 'too_large'], cases: 'C22' },
  'sends a gzip bomb': { ends: [UNREACHABLE, 'too_large'], cases: 'C21' },
  'sends a deflate bomb': { ends: [UNREACHABLE, 'too_large'], cases: 'C21' },
  'sends a brotli bomb': { ends: [UNREACHABLE, 'too_large'], cases: 'C21' },
  'redirects four times': { ends: [UNREACHABLE, 'too_many_redirects'], cases: 'D2' },
  'redirects in a loop': { ends: [UNREACHABLE, 'too_many_redirects'], cases: 'D2' },
  'redirects to the cloud metadata service': { ends: [UNREACHABLE, 'blocked_address'], cases: 'E4, E6' },
  'redirects to loopback': { ends: [UNREACHABLE, 'blocked_address'], cases: 'E1, E6' },
  'redirects to IPv6 loopback': { ends: [UNREACHABLE, 'blocked_address'], cases: 'E2, E6' },
  'redirects to a private name': { ends: [UNREACHABLE, 'blocked_address'], cases: 'E1, E6' },
  'redirects to a database': { ends: [UNREACHABLE, 'blocked_port'], cases: 'E11' },
  'redirects to a file': { ends: [UNREACHABLE, 'unsupported_scheme'], cases: 'A47' },
  'redirects to a script': { ends: [UNREACHABLE, 'unsupported_scheme'], cases: 'A47' },
  'redirects with credentials': { ends: [UNREACHABLE, 'invalid_uri'], cases: 'A50' },
  'redirects to an invalid URL': { ends: [UNREACHABLE, 'invalid_uri'] },
  'has no TLS certificate': { ends: [UNREACHABLE, 'tls'], cases: 'D22' },
};

/** Tokens of each behaviour, so that each meets every other one in one batch or another. */
const EACH = 1;

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
    timeout: 150_000,
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
           from nft_metadata.tokens
           left join nft_metadata.token_documents using (id)
           left join nft_metadata.token_search using (collection_id, token_id)
           where collection_id = $1
         ) as good`,
        [project.collectionId],
      )
    ).map(({ id, row }) => [id, row]),
  );

/** What the refresh among hostile hosts left behind. */
let refreshId: string;
let errors: Map<string, Record<string, unknown>>;
let tries: Map<string, number>;
let good: Map<string, string>;
let after: Map<string, string>;
beforeAll(async () => {
  await refreshAll(); // all is well: every token gets a good record
  good = await rawOf();
  for (const [tokenId, behaviour] of cast) test.metadataApi.misbehave(tokenId, behaviour);

  refreshId = await refreshAll();

  errors = new Map((await allErrors(refreshId)).map((row) => [row['token_id'] as string, row]));
  const rows = await test.database.query<{ id: string; tries: number }>(
    'select token_id::text as id, max(attempt)::int as tries from nft_metadata.refresh_attempts where refresh_id = $1 group by 1',
    [refreshId],
  );
  tries = new Map(rows.map((row) => [row.id, row.tries]));
  after = await rawOf();
}, 180_000);

const tokensOf = (behaviour: Behaviour) =>
  [...cast].filter(([, name]) => name === behaviour).map(([tokenId]) => tokenId);
const titled = (names: Behaviour[]) =>
  names.map((name) => ({ name, title: endings[name].cases ? `${name} [${endings[name].cases}]` : name }));
const hostile = (Object.keys(endings) as Behaviour[]).filter((name) => endings[name].ends !== 'succeeds');
const odd = (Object.keys(endings) as Behaviour[]).filter((name) => endings[name].ends === 'succeeds');

describe('failures', () => {
  it.each(titled(hostile))('a failure is as documented, and damages no good record, when a host $title', ({ name }) => {
    const [code, reason, count = 1] = endings[name].ends as Exclude<Ending, 'succeeds'>;
    for (const tokenId of tokensOf(name)) {
      expect(errors.get(tokenId)).toMatchObject({ error_code: code, reason });
      expect(tries.get(tokenId)).toBe(count);
      expect(good.get(tokenId)).toMatch(/"name":"Token/);
      expect(after.get(tokenId)).toBe(good.get(tokenId));
    }
  });
});

describe('successes', () => {
  it.each(titled(odd))('the record is a new one after one try when a host $title', ({ name }) => {
    for (const tokenId of tokensOf(name)) {
      expect(errors.get(tokenId)).toBeUndefined();
      expect(tries.get(tokenId)).toBe(1);
      expect(after.get(tokenId)).not.toBe(good.get(tokenId));
    }
  });
});

it('some hundred hostile responses in one refresh leave it completed, with every token counted', async () => {
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: odd.length * EACH, failed: hostile.length * EACH, pending: 0 },
  });
  expect(errors.size).toBe(hostile.length * EACH);
});

it.each<[Behaviour, string, Partial<TokenRecord>]>([
  ['sends a byte order mark', '[C2]', { warnings: [] }],
  ['sends Latin-1', '[C16]', { name: 'Sérgio' }],
  ['sends an invalid byte', '[C17]', { name: 'a\ufffd', warnings: ['invalid_utf8'] }],
  ['sends NULs', '[C18]', { name: 'a\ufffdb', warnings: ['replaced_characters'] }],
  ['sends lone surrogates', '[C19]', { name: '\ufffd!', warnings: ['replaced_characters'] }],
  ['sends duplicate keys', '[C27]', { name: 'last' }],
  ['sends null for everything else', '[C29]', { name: 'x', attributes: [], localization: null, warnings: [] }],
  ['sends gzip', '[C20]', { name: 'gzip' }],
  ['sends raw deflate', '[C20]', { name: 'raw deflate' }],
  ['sends brotli', '[C20]', { name: 'br' }],
  ['redirects three times', '[D1]', { name: 'At last' }],
])('a host that %s gives the documented record %s', async (behaviour, _, record) => {
  const [tokenId = ''] = tokensOf(behaviour);

  expect(await test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId })).toMatchObject(
    record,
  );
});

it('a host that hangs or drips is given up after the three seconds of the guide, whatever it sends meanwhile [D20, D21]', async () => {
  const slow: Behaviour[] = ['hangs', 'drips a byte at a time', 'drips its headers'];
  const rows = await test.database.query<{ milliseconds: number }>(
    `select duration_ms as milliseconds from nft_metadata.refresh_attempts
     where refresh_id = $1 and token_id = any($2::numeric[])`,
    [refreshId, slow.flatMap(tokensOf)],
  );

  expect(rows).toHaveLength(slow.length * EACH);
  // Not sooner. That they end at all is the rest of it: what drips never would.
  for (const { milliseconds } of rows) expect(milliseconds).toBeGreaterThanOrEqual(2990);
});

it('nothing that a host sends reaches the prototypes of this process [C27]', () => {
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

it('an error shows at most 4 KB of the response body, in whole characters [D31]', () => {
  const [endless = ''] = tokensOf('responds with 502 and an endless body');
  const [none = ''] = tokensOf('sends 6 MB');

  expect(errors.get(endless)!['client_response_body']).toBe(' '.repeat(4096));
  expect(errors.get(none)).toMatchObject({ client_response_body: null, client_response_status_code: null });
});

it('an error for a refused address shows neither where it is nor what is there [E12]', () => {
  for (const tokenId of [
    ...tokensOf('redirects to loopback'),
    ...tokensOf('redirects to the cloud metadata service'),
  ]) {
    expect(errors.get(tokenId)).toEqual({
      collection_address: project.collectionAddress,
      token_id: tokenId,
      client_token_metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/${tokenId}`,
      client_response_status_code: null,
      client_response_body: null,
      error_code: 'unable_to_retrieve_metadata',
      reason: 'blocked_address',
      created_at: expect.any(String) as string,
    });
  }
});
