import { randomUUID } from 'node:crypto';
import type { Behaviour } from '@app/testing';
import { EntityManager } from '@mikro-orm/postgresql';
import { TokenStore, type TokenMetadata } from '@app/token-store';
import { Client } from 'pg';
import { emptyMetadata } from './support/empty-metadata.js';
import { untilLockWaits } from './support/lock-waits.js';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  // Responses are held back here until something else has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } });
});
afterAll(() => test.stop());

const record = (lamp: string, rest: object = {}) => ({
  name: `${lamp} lamp`,
  attributes: [{ trait_type: 'Lamp', value: lamp }],
  ...rest,
});

async function readToken({ collectionAddress }: TestProject, tokenId = '1'): Promise<Record<string, unknown>> {
  const { body } = await http(test.app).get(`/v1/collections/${collectionAddress}/tokens/${tokenId}`).expect(200);
  return body as Record<string, unknown>;
}

/** Values of the trait type Lamp with their counts. */
async function lampsOf({ collectionAddress }: TestProject): Promise<Record<string, number>> {
  const { body } = await http(test.app).get(`/v1/collections/${collectionAddress}/traits`).expect(200);
  const { traits } = body as { traits: { values: { value: string; token_count: number }[] }[] };
  return Object.fromEntries(
    traits.flatMap(({ values }) => values.map(({ value, token_count }) => [value, token_count])),
  );
}

async function refresh(project: TestProject, tokenIds: readonly string[] = ['1']): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
}

/** Holds an answer back until it is opened. */
function gate(): { before: () => Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((done) => (open = done));
  return { before: () => opened, open };
}

const isCompleted = (project: TestProject, refreshId: string) => async () =>
  (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
const patiently = { timeout: 30_000, interval: 20 };

describe('refreshes that succeed', () => {
  it('a refresh that succeeds replaces all there was: nothing of the old document remains, in fields, traits or counts [G1, G5]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const full = record('Oil', {
      description: 'It glows.',
      image: 'https://img.example/1.png',
      animation_url: 'https://img.example/1.mp4',
      external_url: 'https://host.example/1',
      youtube_url: 'https://www.youtube.com/watch?v=1',
      background_color: 'ffaa00',
      decimals: 3,
      localization: { uri: 'https://host.example/{locale}.json' },
    });
    test.metadataApi.respond('1', 200, full);
    await refresh(project);
    const before = await readToken(project);
    expect(Object.entries(before).filter(([, value]) => value === null)).toEqual([
      ['pushed_by', null],
      ['stale_since', null],
      ['held_until', null],
      ['burned_at', null],
      ['last_error_code', null],
      ['last_error_reason', null],
    ]);

    test.metadataApi.respond('1', 200, record('Gas'));
    await refresh(project);

    expect(await readToken(project)).toMatchObject({
      name: 'Gas lamp',
      description: null,
      image_url: null,
      image_original: null,
      animation_url: null,
      animation_original: null,
      external_url: null,
      youtube_url: null,
      background_color: null,
      decimals: null,
      localization: null,
      attributes: [{ trait_type: 'Lamp', value: 'Gas' }],
      document: record('Gas'),
      metadata_status: 'ok',
      metadata_version: 2,
    });
    expect(await lampsOf(project)).toEqual({ Gas: 1 });
  });

  it('readers in the middle of a write see old or new, never a mixture [G2, G13, H3, I2]', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    test.metadataApi.respond('1', 200, record('Oil')).respond('2', 200, record('Oil'));
    await refresh(project, ['1', '2']);
    test.metadataApi.respond('1', 200, record('Gas')).respond('2', 200, record('Gas'));
    const refreshId = await requestRefresh(test.app, project, ['1', '2']);
    // The write moves the counts after the records: one that waits for this row has written all but them.
    const inTheWay = new Client({ connectionString: test.database.url });
    await inTheWay.connect();
    await inTheWay.query('begin');
    await inTheWay.query('select from nft_metadata.collection_traits where collection_id = $1 for update', [
      project.collectionId,
    ]);

    const working = test.worker.runOnce();
    await untilLockWaits(test.database);
    const meanwhile = [await readToken(project, '1'), await readToken(project, '2'), await lampsOf(project)];
    const found = await test.app
      .get(TokenStore)
      .listTokens({ collectionId: project.collectionId, traits: { Lamp: ['Gas'] } });
    const status = await readRefresh(test.app, project, refreshId);
    await inTheWay.query('rollback');
    await inTheWay.end();
    await working;

    expect(meanwhile).toMatchObject([
      { name: 'Oil lamp', attributes: [{ value: 'Oil' }], document: record('Oil'), metadata_version: 1 },
      { name: 'Oil lamp', attributes: [{ value: 'Oil' }], document: record('Oil'), metadata_version: 1 },
      { Oil: 2 },
    ]);
    expect(meanwhile[2]).toEqual({ Oil: 2 });
    expect(found).toEqual([]);
    expect(status).toMatchObject({ status: 'queued', summary: { pending: 2 } });
    expect([await readToken(project, '1'), await readToken(project, '2')]).toMatchObject([
      { name: 'Gas lamp', attributes: [{ value: 'Gas' }], document: record('Gas'), metadata_version: 2 },
      { name: 'Gas lamp', attributes: [{ value: 'Gas' }], document: record('Gas'), metadata_version: 2 },
    ]);
    expect(await lampsOf(project)).toEqual({ Gas: 2 });
  });

  it('every token of a collection is readable while all of them are being fetched [G13]', async () => {
    const tokens = ['1', '2', '3'];
    const project = await test.aProject({ tokens });
    for (const tokenId of tokens) test.metadataApi.respond(tokenId, 200, record('Oil'));
    await refresh(project, tokens);
    const { before, open } = gate();
    for (const tokenId of tokens) test.metadataApi.script(tokenId, { before, status: 500, body: '' });
    test.metadataApi.hits.clear();
    await requestRefresh(test.app, project, tokens);

    const working = test.worker.runOnce();
    await vi.waitUntil(() => tokens.every((tokenId) => test.metadataApi.hits.get(tokenId) === 1), patiently);
    const meanwhile = await Promise.all(tokens.map((tokenId) => readToken(project, tokenId)));
    open();
    await working;

    expect(meanwhile).toMatchObject(tokens.map(() => ({ name: 'Oil lamp', metadata_status: 'ok' })));
  });

  it('a refresh that succeeds clears the failure fields [G18]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, record('Oil'));
    await refresh(project);
    test.metadataApi.respond('1', 500);
    await refresh(project);
    expect(await readToken(project)).toMatchObject({ metadata_status: 'stale', last_error_reason: 'status_500' });
    test.metadataApi.respond('1', 200, record('Oil'));

    await refresh(project);

    expect(await readToken(project)).toMatchObject({
      metadata_status: 'ok',
      stale_since: null,
      last_error_code: null,
      last_error_reason: null,
    });
  });

  it.each<[string, object, object]>([
    [
      'the values of a document in the shape of the JSON schema of ERC-721 (D1)',
      {
        title: 'Asset Metadata',
        type: 'object',
        properties: {
          name: { type: 'string', description: 'Meadow Fox #1' },
          image: { type: 'string', description: 'https://img.example/1.png' },
          Hat: { type: 'string', description: 'Red' },
        },
      },
      {
        name: 'Meadow Fox #1',
        image_url: 'https://img.example/1.png',
        attributes: [{ trait_type: 'Hat', value: 'Red' }],
      },
    ],
    [
      'traits of a list in properties (D2)',
      { name: 'A', properties: [{ key: 'Power', value: 'Players' }] },
      { attributes: [{ trait_type: 'Power', value: 'Players' }] },
    ],
    [
      'traits beside an empty map of attributes (D22)',
      { name: 'A', attributes: {}, traits: [{ trait_type: 'Hat', value: 'Red' }] },
      { attributes: [{ trait_type: 'Hat', value: 'Red' }] },
    ],
    [
      'texts without the NULs and control characters at their ends',
      { name: 'Lamp\0\0', attributes: [{ trait_type: '\0Hat', value: 'Red\u001b' }] },
      { name: 'Lamp', attributes: [{ trait_type: 'Hat', value: 'Red' }], warnings: ['replaced_characters'] },
    ],
  ])('a refresh that succeeds stores %s', async (_, document, expected) => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, document);

    await refresh(project);

    expect(await readToken(project)).toMatchObject(expected);
  });

  it('a refresh that succeeds keeps names in every script, to the last character [F30]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const name = '𝓛amp ランプ 👩‍🚀 Lаmp \u0301e ﬁ';
    test.metadataApi.respond('1', 200, { name, attributes: [{ trait_type: '色 🎨', value: 'ру́сский' }] });

    await refresh(project);

    expect(await readToken(project)).toMatchObject({
      name,
      attributes: [{ trait_type: '色 🎨', value: 'ру́сский' }],
      document: { name },
    });
  });
});

describe('refreshes that fail', () => {
  it.each<[Behaviour, string, reason: string]>([
    ['responds with 500', '[G3]', 'status_500'],
    ['responds with 404', '[D4, G3]', 'status_404'],
    ['sends a web page', '[C6, G4]', 'not_json'],
    ['truncates the document', '[G4]', 'invalid_json'],
    ['sends text before the document', '[C5, G4]', 'invalid_json'],
    ['sends 6 MB', '[C22, G4]', 'too_large'],
    ['closes immediately', '[G4]', 'connection_reset'],
    ['redirects to loopback', '[E12, G4]', 'blocked_address'],
    ['sends an empty object', '[C10, G6]', 'empty_metadata'],
    ['sends an error with status 200', '[C11, G4]', 'no_known_fields'],
    ['sends empty fields', '[G4]', 'no_known_fields'],
    ['sends an image', '[G4]', 'media_instead_of_document'],
    ['sends a video', '[G4]', 'media_instead_of_document'],
  ])('a refresh that fails changes nothing but the failure fields, when a host %s %s', async (behaviour, _, reason) => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, record('Oil', { image: 'https://img.example/1.png' }));
    await refresh(project);
    const good = await readToken(project);
    test.metadataApi.misbehave('1', behaviour);

    await refresh(project);

    const after = await readToken(project);
    expect(after).toEqual({
      ...good,
      metadata_status: 'stale',
      last_error_code: expect.any(String) as string,
      last_error_reason: reason,
      last_attempt_at: after['last_attempt_at'],
      stale_since: after['stale_since'],
    });
    expect(Date.parse(String(after['stale_since']))).toBeGreaterThan(Date.parse(String(good['last_success_at'])));
    expect(await lampsOf(project)).toEqual({ Oil: 1 });
  });

  it('a refresh that fails keeps the source and time of the last good document [G20]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, record('Oil'));
    await refresh(project);
    const { last_success_at } = await readToken(project);
    test.metadataApi.respond('1', 500);
    await test.database.advance(60);

    await refresh(project);

    const token = await readToken(project);
    expect(token).toMatchObject({
      metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/1`,
      last_success_at,
    });
    expect(Date.parse(String(token['last_attempt_at']))).toBeGreaterThan(Date.parse(String(last_success_at)) + 59_000);
  });

  it('a refresh that fails for a token without metadata shows the failure and no metadata [G17]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 404);

    await refresh(project);

    expect(await readToken(project)).toMatchObject({
      metadata_status: 'failed',
      last_error_code: 'invalid_response_status_code',
      last_error_reason: 'status_404',
      stale_since: null,
      last_success_at: null,
      name: null,
      attributes: [],
      document: null,
    });
  });

  it.each([
    ['has a character that the database cannot store', '22P05'],
    ['violates a constraint', '23514'],
    ['is refused by a trigger', 'P0001'],
  ])('a row that %s fails for its own token only [G14]', async (_, errcode) => {
    const project = await test.aProject({ tokens: ['1', '2', '3'] });
    for (const tokenId of ['1', '2', '3']) {
      test.metadataApi.respond(tokenId, 200, record('Oil', tokenId === '2' ? { unstorable: true } : {}));
    }
    await test.database.query(
      `create function public.refuse() returns trigger language plpgsql
         as $$ begin raise exception 'refused' using errcode = '${errcode}'; end $$`,
    );
    await test.database.query(
      `create trigger refuse before insert on nft_metadata.token_documents for each row
         when (new.raw->>'unstorable' is not null)
         execute function public.refuse()`,
    );

    const refreshId = await refresh(project, ['1', '2', '3']);
    await test.database.query('drop function public.refuse cascade');

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 2, failed: 1 },
    });
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ token_id: '2', reason: 'not_storable' }]);
    expect(await lampsOf(project)).toEqual({ Oil: 2 });
  });

  it.each([
    ['a document', 200],
    ['a failure', 404],
    ['a retry', 503],
  ])(
    'a row for %s that the database always refuses does not stop the others, and its token is due again after the lease',
    async (_, status) => {
      const project = await test.aProject({ tokens: ['1', '2', '3'] });
      for (const tokenId of ['1', '3']) test.metadataApi.respond(tokenId, 200, record('Oil'));
      test.metadataApi.script('2', { status, body: record('Oil') }, { status: 200, body: record('Gas') });
      await test.database.query(
        `create function public.refuse() returns trigger language plpgsql
         as $$ begin raise exception 'refused' using errcode = '23514'; end $$`,
      );
      for (const table of ['refresh_results', 'refresh_attempts']) {
        await test.database.query(
          `create trigger refuse before insert on nft_metadata.${table} for each row when (new.token_id = 2)
           execute function public.refuse()`,
        );
      }

      const refreshId = await refresh(project, ['1', '2', '3']);
      const before = await readRefresh(test.app, project, refreshId);
      await test.database.query('drop function public.refuse cascade');
      await test.database.advance(31);
      await test.worker.runOnce();

      expect(before).toMatchObject({ summary: { succeeded: 2, failed: 0, pending: 1 } });
      expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 3, pending: 0 } });
      expect(await lampsOf(project)).toEqual({ Oil: 2, Gas: 1 });
    },
  );
});

describe('two fetches of one token', () => {
  const token = { name: 'Gas lamp', metadata_status: 'ok', last_error_code: null };
  const oil: TokenMetadata = {
    ...emptyMetadata,
    name: 'Oil lamp',
    attributes: [{ traitType: 'Lamp', value: 'Oil', valueType: 'string', displayType: null, maxValue: null }],
    raw: JSON.stringify(record('Oil')),
    contentHash: 'oil',
  };

  it('the second of two fetches of one token waits for the first, because it needs a newer response [G7, H1]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const { before, open } = gate();
    test.metadataApi.script('1', { before, status: 500, body: '' }, { status: 200, body: record('Gas') });
    test.metadataApi.hits.clear();
    test.worker.start();
    const first = await requestRefresh(test.app, project, ['1']);
    await vi.waitUntil(() => test.metadataApi.hits.get('1') === 1, patiently);

    const later = [await requestRefresh(test.app, project, ['1']), await requestRefresh(test.app, project, ['1'])];
    const other = await test.anotherWorker();
    const round = other.runOnce();
    await vi.waitUntil(async () => {
      const deferred = await test.database.query(
        'select from nft_metadata.refresh_chunks where refresh_id = any($1) and not is_claimed and due_at > now()',
        [later],
      );
      return deferred.length === 2;
    }, patiently);
    const meanwhile = test.metadataApi.hits.get('1');
    open();
    for (const refreshId of [first, ...later]) await vi.waitUntil(isCompleted(project, refreshId), patiently);
    await round;
    await test.worker.stop();

    expect([meanwhile, test.metadataApi.hits.get('1')]).toEqual([1, 2]);
    expect(await readToken(project)).toMatchObject(token);
    expect(await readErrors(test.app, project, first)).toMatchObject([{ reason: 'status_500' }]);
    for (const refreshId of later) {
      expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1, failed: 0 } });
    }
  });

  it('of two fetches of one token the one that began later counts, whichever is written first [G7, G8, I7]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, record('Gas'));
    await refresh(project);
    const store = test.app.get(TokenStore);
    const earlier = { collectionId: project.collectionId, tokenId: '1', fetchSeq: '0', refreshId: randomUUID() };
    const found = { metadataUrl: 'https://old.example/1', metadataSource: 'metadata_api' } as const;
    const good = await readToken(project);

    const ended = await test.app
      .get(EntityManager)
      .fork()
      .transactional(async (em) => {
        await store.recordFailures(em, [
          { ...earlier, errorCode: 'unable_to_retrieve_metadata', errorReason: 'timeout' },
        ]);
        return [
          ...(await store.writeMetadata(em, [{ ...earlier, ...found, metadata: oil }])),
          ...(await store.writeMetadata(em, [{ ...earlier, ...found, metadata: null }])),
        ];
      });

    expect(ended).toEqual(['superseded', 'superseded']);
    expect(good).toMatchObject({ ...token, metadata_version: 1 });
    expect(await readToken(project)).toEqual(good);
    expect(await lampsOf(project)).toEqual({ Gas: 1 });
  });

  it.each<[string, number, object | string]>([
    ['a document', 200, record('Oil')],
    ['a failure', 500, ''],
  ])(
    '%s that is written after its lease changes nothing, when another worker has the item [G10]',
    async (_, status, body) => {
      const project = await test.aProject({ tokens: ['1'] });
      const [late, onTime] = [gate(), gate()];
      test.metadataApi.script(
        '1',
        { before: late.before, status, body },
        { before: onTime.before, status: 200, body: record('Gas') },
      );
      test.metadataApi.hits.clear();
      const other = await test.anotherWorker();
      const refreshId = await requestRefresh(test.app, project, ['1']);
      const working = test.worker.runOnce();
      await vi.waitUntil(() => test.metadataApi.hits.get('1') === 1, patiently);
      await test.database.advance(31);
      const workingToo = other.runOnce();
      await vi.waitUntil(() => test.metadataApi.hits.get('1') === 2, patiently);

      late.open();
      await working;
      const meanwhile = [await readRefresh(test.app, project, refreshId), await readToken(project)];
      onTime.open();
      await workingToo;

      expect(meanwhile).toMatchObject([
        { status: 'queued', summary: { succeeded: 0, failed: 0, pending: 1 } },
        { name: null, metadata_status: 'pending', last_attempt_at: null },
      ]);
      expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
        status: 'completed',
        summary: { succeeded: 1, failed: 0 },
      });
      expect(await readToken(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 1 });
      const attempts = await test.database.query<{ attempt: number }>(
        'select attempt, outcome from nft_metadata.refresh_attempts where refresh_id = $1',
        [refreshId],
      );
      expect(attempts).toEqual([{ attempt: 1, outcome: 'fetched' }]);
    },
  );

  it('each of two fetches of one token reads the metadata URL of its own refresh, and the later one counts [G9]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const { before, open } = gate();
    test.metadataApi.script('1', { before, status: 200, body: record('Oil') }, { status: 200, body: record('Gas') });
    test.metadataApi.hits.clear();
    await requestRefresh(test.app, project, ['1']);
    const working = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.hits.get('1') === 1, patiently);
    await test.database.query('update nft_metadata.collections set metadata_url = $1 where id = $2', [
      `${test.metadataApi.url}/moved`,
      project.collectionId,
    ]);
    open();
    await working;
    const old = await readToken(project);

    await refresh(project);

    expect(old).toMatchObject({
      name: 'Oil lamp',
      metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/1`,
    });
    expect(await readToken(project)).toMatchObject({
      name: 'Gas lamp',
      metadata_url: `${test.metadataApi.url}/moved/1`,
    });
  });
});

describe('while a document is being fetched', () => {
  it('a document is written and not fetched again if the database was unavailable during its fetch [G15]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const before = () => test.database.refuseConnections();
    test.metadataApi.script('1', { before, status: 200, body: record('Oil') });
    test.metadataApi.hits.clear();
    const errors: string[] = [];
    const refreshId = await requestRefresh(test.app, project, ['1']);

    await test.worker.runOnce().catch((error: unknown) => errors.push(String(error)));
    await test.database.acceptConnections();
    test.worker.start();
    await vi.waitUntil(isCompleted(project, refreshId), patiently);
    await test.worker.stop();

    expect(errors).toHaveLength(1);
    expect(await readToken(project)).toMatchObject({ name: 'Oil lamp', metadata_version: 1 });
    expect(test.metadataApi.hits.get('1')).toBe(1);
  });

  it('a token that is unregistered during its fetch fails, its refresh completes, and its record does not come back [G16]', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const before = async () => {
      await test.database.query('delete from nft_metadata.tokens where collection_id = $1 and token_id = 1', [
        project.collectionId,
      ]);
    };
    test.metadataApi.script('1', { before, status: 200, body: record('Oil') }).respond('2', 200, record('Gas'));

    const refreshId = await refresh(project, ['1', '2']);

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 1, failed: 1, pending: 0 },
    });
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      { token_id: '1', error_code: 'token_not_found' },
    ]);
    expect(await test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId: '1' })).toBeNull();
    expect(await lampsOf(project)).toEqual({ Gas: 1 });
  });

  it('nothing that a document names is requested: images and videos may be missing, slow or private [E14, L1, L2, L8]', async () => {
    const project = await test.aProject({ tokens: ['1', '2', '3'] });
    const pictures = `${test.metadataApi.url}/pictures`;
    test.metadataApi
      .misbehave('gone', 'responds with 404')
      .misbehave('slow', 'hangs')
      .misbehave('large', 'sends an endless body');
    test.metadataApi
      .respond('1', 200, { name: 'One', image: `${pictures}/gone`, animation_url: `${pictures}/slow` })
      .respond('2', 200, { name: 'Two', image: `${pictures}/large`, external_url: `${pictures}/gone` })
      .respond('3', 200, {
        name: 'Three',
        image: 'http://169.254.169.254/1.png',
        animation_url: 'http://no.example/1',
      });
    test.metadataApi.hits.clear();

    const refreshId = await refresh(project, ['1', '2', '3']);

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 3, failed: 0 } });
    expect(await readToken(project, '1')).toMatchObject({
      image_url: `${pictures}/gone`,
      animation_url: `${pictures}/slow`,
    });
    expect(await readToken(project, '3')).toMatchObject({
      image_url: null,
      image_original: 'http://169.254.169.254/1.png',
      animation_url: 'http://no.example/1',
    });
    expect([...test.metadataApi.hits.keys()].toSorted()).toEqual(['1', '2', '3']);
  });
});
