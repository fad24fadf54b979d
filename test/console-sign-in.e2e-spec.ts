import { createHmac } from 'node:crypto';
import type { INestApplication } from '@nestjs/common';
import { Clock, ConsoleSecret, Projects } from '@app/project-auth';
import { Wallet } from 'ethers';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { ConsoleIdentity, type IdentifiedPerson } from '@app/console';
import { MetadataHost } from '@app/testing';
import { challengeSchema, errorSchema, refreshDetailsSchema, sessionSchema } from '../libs/console/src/wire/index.js';
import {
  ADAPTERS,
  ConsoleVisitor,
  expectShape,
  OPERATOR_SECRET,
  OWN_PAGE,
  startConsoleHost,
} from './support/console.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio, requestOne, type HostAppOptions } from './support/host-app.js';
import { captureStatements } from './support/statements.js';

let metadataApi: MetadataHost;
let database: TestDatabase;
let app: INestApplication | undefined;
beforeAll(async () => {
  metadataApi = await MetadataHost.start();
});
beforeEach(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await database.drop();
});
afterAll(() => metadataApi.close());

const operator = (secret = OPERATOR_SECRET) => ({ kind: 'operator_secret', secret });

describe.each(ADAPTERS)('on %s', (_, load) => {
  it('the operators’ secret lets an operator in, a wrong one does not, and the sixth try in a minute has to wait [K12]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const visitor = new ConsoleVisitor(app);
    const before = await visitor.read('session', sessionSchema);

    const wrong = await visitor.post('session', operator('a wrong secret, as long as it has to be'));
    const signedIn = expectShape(sessionSchema, await visitor.post('session', { ...operator(), name: 'Mira K.' }));

    expect(before).toMatchObject({
      person: null,
      mayAct: false,
      pages: [],
      signIn: { operatorSecret: true, apiKey: true, wallet: true },
    });
    expect(wrong.status).toBe(401);
    expect(errorSchema.parse(wrong.body)).toMatchObject({ code: 'wrong_credentials' });
    expect(signedIn).toMatchObject({ person: { kind: 'operator', name: 'Mira K.' }, mayAct: true });
    expect(await visitor.read('session', sessionSchema)).toMatchObject({
      person: signedIn.person,
      expiresAt: signedIn.expiresAt,
    });
    for (let failures = 1; failures < 5; failures += 1) await visitor.post('session', operator('wrong')).expect(401);
    const sixth = await visitor.post('session', operator());
    expect(sixth.status).toBe(429);
    expect(sixth.headers['retry-after']).toMatch(/^[1-6]?[0-9]$/);
    await database.advance(60);
    await visitor.post('session', operator()).expect(200);
  });

  it('guesses at the same moment are limited like those one after the other, and who signs in is not counted [K12]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const visitor = new ConsoleVisitor(app);
    for (let times = 0; times < 7; times += 1) await visitor.post('session', operator()).expect(200);

    const guesses = await Promise.all(
      Array.from({ length: 20 }, (__, index) => visitor.post('session', operator(`a wrong secret, number ${index}`))),
    );

    expect(guesses.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([
      ...Array.from({ length: 5 }, () => 401),
      ...Array.from({ length: 15 }, () => 429),
    ]);
    expect(await visitor.read('session', sessionSchema)).toMatchObject({ person: { kind: 'operator' } });
  });

  it('whatever is wrong with a sign-in, its response is the same, and as much is done for an unknown key as for a revoked one [K12]', async () => {
    // A worker has statements of its own.
    const nftRefresh = { runWorker: false };
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load(), nftRefresh });
    const { apiKey, project } = await aStudio(app, metadataApi);
    const [owner, stranger] = [Wallet.createRandom(), Wallet.createRandom()];
    await app.get(Projects).createProject({ name: 'Owned', ownerAddress: owner.address });
    await app.get(Projects).revokeApiKey(project.id, apiKey.split('_')[1]!);
    const visitor = new ConsoleVisitor(app);
    const challenge = async ({ address }: { address: string }) =>
      expectShape(challengeSchema, await visitor.post('session/challenge', { address })).text;
    const wallet = async (signer: typeof owner, text: string) => ({
      kind: 'wallet',
      text,
      signature: await signer.signMessage(text),
    });
    const unknownKey = await app.get(Projects).createApiKey(project.id);
    await database.query('delete from nft_metadata.api_keys where revoked_at is null');
    const wrong: Record<string, object> = {
      'operator, first character': operator(`x${OPERATOR_SECRET.slice(1)}`),
      'operator, last character': operator(`${OPERATOR_SECRET.slice(0, -1)}x`),
      'operator, too long': operator(OPERATOR_SECRET.repeat(2)),
      'key, not ours': { kind: 'api_key', apiKey: 'sk_live_1' },
      'key, unknown': { kind: 'api_key', apiKey: unknownKey },
      'key, revoked': { kind: 'api_key', apiKey },
      'wallet, of nobody': await wallet(stranger, await challenge(stranger)),
      'wallet, of another': await wallet(stranger, await challenge(owner)),
      'wallet, our text changed': await wallet(owner, `${await challenge(owner)} `),
    };

    const seen: Record<string, object> = {};
    const statements: Record<string, string[]> = {};
    for (const [what, body] of Object.entries(wrong)) {
      await database.query('delete from nft_metadata.request_windows');
      statements[what] = (
        await captureStatements(async () => {
          const response = await visitor.post('session', body);
          const names = Object.keys(response.headers).filter((name) => !/^(date|content-length|etag)$/.test(name));
          seen[what] = { status: response.status, names, ...(response.body as object), requestId: '' };
        })
      ).map(({ text }) => text);
    }

    const [first] = Object.values(seen);
    expect(first).toMatchObject({ status: 401, code: 'wrong_credentials' });
    expect(seen).toEqual(Object.fromEntries(Object.keys(wrong).map((what) => [what, first])));
    expect(statements['key, unknown']!.join('\n')).toContain('api_keys');
    expect(statements['key, revoked']).toEqual(statements['key, unknown']);
    expect(statements['operator, last character']).toEqual(statements['operator, first character']);
  });

  it('a caller who is not signed in gets 401 from every endpoint, and no data', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const visitor = new ConsoleVisitor(app);

    for (const endpoint of ['overview', 'refreshes', 'no-such-endpoint', 'hosts/a/b']) {
      expect((await visitor.get(endpoint)).body).toMatchObject({ code: 'not_signed_in' });
    }
  });

  it('an API key lets its project in until it is revoked [K13]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const studio = await aStudio(app, metadataApi);
    const visitor = await new ConsoleVisitor(app).withApiKey(studio.apiKey);
    const session = await visitor.read('session', sessionSchema);

    await app.get(Projects).revokeApiKey(studio.project.id, studio.apiKey.split('_')[1]!);

    expect(session).toMatchObject({ person: { kind: 'partner', name: 'Studio', projectId: studio.project.id } });
    expect(session.pages).not.toContain('workers');
    expect(await visitor.read('session', sessionSchema)).toMatchObject({ person: null });
    await visitor.get('refreshes').expect(401);
    await new ConsoleVisitor(app).post('session', { kind: 'api_key', apiKey: studio.apiKey }).expect(401);
  });

  it('the host application’s own users are in at once, and our sign-in is not there [K16]', async () => {
    const known: Record<string, IdentifiedPerson> = { mira: { kind: 'operator', name: 'Mira', mayAct: false } };
    class Shop extends ConsoleIdentity {
      override who(request: { headers: Record<string, string> }): IdentifiedPerson | null {
        return known[request.headers['x-user'] ?? ''] ?? null;
      }
    }
    app = await startConsoleHost(
      database,
      metadataApi,
      { identify: { provide: ConsoleIdentity, useClass: Shop } },
      { adapter: await load() },
    );
    const studio = await aStudio(app, metadataApi);
    known['jo'] = { kind: 'partner', projectId: studio.project.id };
    known['gone'] = { kind: 'partner', projectId: 'no-such-project' };
    const visitor = new ConsoleVisitor(app);
    const sessionOf = async (user: string) =>
      expectShape(sessionSchema, await visitor.get('session', { 'x-user': user }));

    expect(await sessionOf('mira')).toMatchObject({
      person: { kind: 'operator', name: 'Mira' },
      mayAct: false,
      expiresAt: null,
      signIn: { operatorSecret: false, apiKey: false, wallet: false },
    });
    expect(await sessionOf('jo')).toMatchObject({
      person: { kind: 'partner', projectId: studio.project.id },
      mayAct: true,
    });
    await visitor.get('session').expect(401);
    await visitor.get('session', { 'x-user': 'gone' }).expect(401);
    await visitor.post('session', operator()).expect(404);
    await visitor.post('session/challenge', { address: Wallet.createRandom().address }).expect(404);
  });

  it('only a page of the console itself can change something [K18]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load(), nftRefresh: { runMode: 'api' } });
    const visitor = await new ConsoleVisitor(app).asOperator();
    const refreshId = await requestOne(app, await aStudio(app, metadataApi));
    await visitor.post(`refreshes/${refreshId}/pause`).expect(200);
    const { 'sec-fetch-site': _site, ...withoutSite } = OWN_PAGE;
    const strangers: Record<string, string>[] = [
      { ...OWN_PAGE, 'sec-fetch-site': 'cross-site' },
      { ...OWN_PAGE, 'sec-fetch-site': 'same-site' },
      { ...OWN_PAGE, 'sec-fetch-site': 'none' },
      { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      { 'content-type': 'application/x-www-form-urlencoded', 'x-nft-console': '1', 'sec-fetch-site': 'same-origin' },
      withoutSite,
      { ...withoutSite, origin: 'https://evil.example' },
      { ...withoutSite, origin: 'null' },
    ];

    for (const headers of strangers) {
      const form = headers['content-type']!.includes('form');
      for (const action of ['session', `refreshes/${refreshId}/cancel`]) {
        const refused = await (form ? visitor.sendForm(action, headers) : visitor.post(action, operator(), headers));
        expect([refused.status, refused.body as object]).toEqual([
          403,
          {
            code: 'forbidden',
            message: 'Only pages of the console may send this request.',
            requestId: expect.any(String) as string,
          },
        ]);
      }
    }
    const { refresh } = await visitor.read(`refreshes/${refreshId}`, refreshDetailsSchema);
    expect(refresh).toMatchObject({ state: 'paused', actions: { cancel: true } });
    expect(await visitor.read('session', sessionSchema)).toMatchObject({ person: { kind: 'operator' } });
  });

  it('a body that is too large or no JSON is refused in the shape of the console, with the id of the request', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const send = (body: string) =>
      request(app!.getHttpServer() as App)
        .post('/console/api/session')
        .set(OWN_PAGE)
        .send(body);

    const broken = await send('{"kind":');
    const large = await send(JSON.stringify({ ...operator(), name: 'x'.repeat(2_000_000) }));

    for (const [response, status, message] of [
      [broken, 400, /^The body is not valid JSON: /],
      [large, 413, /^The body exceeds the limit/],
    ] as const) {
      expect(response.status).toBe(status);
      expect(response.body).toEqual({
        code: 'invalid_request',
        message: expect.stringMatching(message) as string,
        requestId: response.headers['x-request-id'],
      });
      expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    }
  });

  it('a browser that does not tell where a request comes from is believed by its origin [K18]', async () => {
    app = await startConsoleHost(
      database,
      metadataApi,
      { publicOrigins: ['https://console.example'] },
      { adapter: await load() },
    );
    const { 'sec-fetch-site': _site, ...withoutSite } = OWN_PAGE;

    const signIn = (origin: string) => new ConsoleVisitor(app!).post('session', operator(), { ...withoutSite, origin });

    await signIn('https://console.example').expect(200);
    await signIn('https://other.example').expect(403);
    await signIn('http://console.example').expect(403);
  });

  it('the cookie is for the console’s endpoints of this host only, and no script reads it [K17]', async () => {
    app = await startConsoleHost(database, metadataApi, {}, { adapter: await load() });
    const signIn = (host: string) =>
      new ConsoleVisitor(app!).post('session', operator(), { ...OWN_PAGE, host }).expect(200);
    const cookieOf = ({ headers }: request.Response) => headers['set-cookie'] as unknown as string[];

    expect(cookieOf(await signIn('shop.example'))).toEqual([
      expect.stringMatching(/^__Secure-nft-console=[\w-]+\.[\w-]+; HttpOnly; Secure; SameSite=Strict$/),
    ]);
    expect(cookieOf(await signIn('localhost:3000'))).toEqual([
      expect.stringMatching(/^nft-console=[\w-]+\.[\w-]+; HttpOnly; SameSite=Strict$/),
    ]);
  });
});

it('signing out ends the session', async () => {
  app = await startConsoleHost(database, metadataApi);
  const visitor = await new ConsoleVisitor(app).asOperator();

  expectShape(sessionSchema, await visitor.delete('session'));

  await visitor.get('overview').expect(401);
});

it('a session ends after its hours, and a changed cookie is none', async () => {
  app = await startConsoleHost(database, metadataApi, { sessionHours: 1 });
  const response = await new ConsoleVisitor(app).post('session', operator()).expect(200);
  const [cookie] = response.headers['set-cookie'] as unknown as [string];
  const readWith = (value: string) =>
    request(app!.getHttpServer() as App)
      .get('/console/api/session')
      .set('cookie', value)
      .expect(200);
  const { expiresAt } = sessionSchema.parse(response.body);

  expect(Date.parse(expiresAt!) - Date.now()).toBeLessThanOrEqual(3_600_000);
  expect((await readWith(cookie.split(';')[0]!)).body).toMatchObject({ person: { kind: 'operator' } });
  expect(
    (await readWith(cookie.split(';')[0]!.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')))).body,
  ).toMatchObject({ person: null });
  expect((await readWith(cookie.split(';')[0]!.replace('=', '=x'))).body).toMatchObject({ person: null });
});

it('partners stay signed in at another process, and a new secret of the operators signs all operators out [K7]', async () => {
  app = await startConsoleHost(database, metadataApi, { operatorSecret: OPERATOR_SECRET });
  const studio = await aStudio(app, metadataApi);
  const cookieFor = async (body: object) => {
    const { headers } = await new ConsoleVisitor(app!).post('session', body).expect(200);
    return (headers['set-cookie'] as unknown as [string])[0].split(';')[0]!;
  };
  const [partner, operators] = [
    await cookieFor({ kind: 'api_key', apiKey: studio.apiKey }),
    await cookieFor(operator()),
  ];
  const [same, renewed] = [
    await startConsoleHost(database, metadataApi, { operatorSecret: OPERATOR_SECRET }),
    await startConsoleHost(database, metadataApi, { operatorSecret: `${OPERATOR_SECRET}, renewed` }),
  ];

  const personAt = async (process: INestApplication, cookie: string) => {
    const response = await request(process.getHttpServer() as App)
      .get('/console/api/session')
      .set('cookie', cookie);
    return sessionSchema.parse(response.body).person?.kind;
  };

  expect(await personAt(same, partner)).toBe('partner');
  expect(await personAt(same, operators)).toBe('operator');
  expect(await personAt(renewed, partner)).toBe('partner');
  expect(await personAt(renewed, operators)).toBeUndefined();
  await same.close();
  await renewed.close();
});

it('with a path alone, partners sign in with a key or a wallet, and stay signed in at a second process [K7]', async () => {
  const onlyPath = { operatorSecret: undefined, path: '/console' };
  app = await startConsoleHost(database, metadataApi, onlyPath);
  const second = await startConsoleHost(database, metadataApi, onlyPath);
  const wallet = Wallet.createRandom();
  const { apiKey } = await aStudio(app, metadataApi);
  await app.get(Projects).createProject({ name: 'Signers', ownerAddress: wallet.address });
  const ownPage = { ...OWN_PAGE, host: 'localhost:3000' };
  const challenge = await new ConsoleVisitor(app).post('session/challenge', { address: wallet.address }, ownPage);
  const { text } = expectShape(challengeSchema, challenge);

  for (const body of [
    { kind: 'api_key', apiKey },
    { kind: 'wallet', text, signature: await wallet.signMessage(text) },
  ]) {
    const { headers } = await new ConsoleVisitor(app).post('session', body, ownPage).expect(200);
    const [cookie] = headers['set-cookie'] as unknown as [string];
    const read = new ConsoleVisitor(second).get('session', { cookie: cookie.split(';')[0]!, host: ownPage.host });
    expect(expectShape(sessionSchema, await read)).toMatchObject({ person: { kind: 'partner' } });
  }
  await second.close();
});

it('without a secret nobody is an operator, and the page learns it [K7]', async () => {
  app = await startConsoleHost(database, metadataApi, { operatorSecret: undefined });
  const visitor = new ConsoleVisitor(app);

  expect(await visitor.read('session', sessionSchema)).toMatchObject({
    signIn: { operatorSecret: false, apiKey: true },
  });
  for (const secret of ['', 'undefined', OPERATOR_SECRET]) await visitor.post('session', operator(secret)).expect(401);
});

it('without a secret, who reads the database cannot make a session of an operator [K7]', async () => {
  app = await startConsoleHost(database, metadataApi, { operatorSecret: undefined });
  const stored = await app.get(ConsoleSecret).read();
  const key = createHmac('sha256', stored).update('operator').digest();
  const content = { kind: 'operator', name: 'Mallory', expiresAt: Date.now() + 60_000 };
  const text = Buffer.from(JSON.stringify(content)).toString('base64url');
  const forged = `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;

  const read = (endpoint: string) =>
    request(app!.getHttpServer() as App)
      .get(`/console/api/${endpoint}`)
      .set({ host: 'localhost', cookie: `nft-console=${forged}` });

  expect((await read('session')).body).toMatchObject({ person: null });
  await read('overview').expect(401);
});

it.each([
  [{ operatorSecret: 'too short' }, /operatorSecret.*24 characters|24 characters[^]*operatorSecret/],
  [{ sessionSecret: 'too short' }, /sessionSecret.*32 bytes|32 bytes[^]*sessionSecret/],
  [{ publicOrigins: ['https://console.example/path'] }, /publicOrigins/],
  [{ path: '' }, /path/],
  [{ operatorSecrets: 'x' }, /operatorSecrets is not an option here; did you mean operatorSecret/],
])('with the wrong options %j the application does not start, and is told which [K7]', async (options, message) => {
  await expect(async () => {
    app = await startConsoleHost(database, metadataApi, options as object);
  }).rejects.toThrow(message);
});

describe('the wallet of a project’s owner', () => {
  async function aSigner(nftRefresh: HostAppOptions['nftRefresh'] = {}) {
    const options = { publicOrigins: ['https://console.example'] };
    app = await startConsoleHost(database, metadataApi, options, { nftRefresh });
    const wallet = Wallet.createRandom();
    const { id } = await app.get(Projects).createProject({ name: 'Signers', ownerAddress: wallet.address });
    const visitor = new ConsoleVisitor(app);
    const challenge = async (address: string = wallet.address) =>
      expectShape(challengeSchema, await visitor.post('session/challenge', { address })).text;
    const signIn = (text: string, signature: string) => visitor.post('session', { kind: 'wallet', text, signature });
    return { wallet, projectId: id, visitor, challenge, signIn };
  }

  it('a text that names our domain, signed by the owner, signs in once [K14] [K15]', async () => {
    const { wallet, projectId, visitor, challenge, signIn } = await aSigner();
    const text = await challenge();

    const signed = await wallet.signMessage(text);
    const first = await signIn(text, `\n${signed} `);
    const second = await signIn(text, signed);

    expect(text).toMatch(/^console\.example wants you to sign in/);
    expect(text).toContain('\nURI: https://console.example\n');
    expect(expectShape(sessionSchema, first)).toMatchObject({ person: { kind: 'partner', projectId } });
    expect(second.status).toBe(401);
    expect(await visitor.read('session', sessionSchema)).toMatchObject({ person: { projectId } });
  });

  it('a signature of another address, of another text, or of an address without a project signs nobody in [K14]', async () => {
    const { wallet, challenge, signIn } = await aSigner();
    const stranger = Wallet.createRandom();
    const [text, ofStranger] = [await challenge(), await challenge(stranger.address)];

    await signIn(text, await stranger.signMessage(text)).expect(401);
    await signIn(ofStranger, await stranger.signMessage(ofStranger)).expect(401);
    const forOtherDomain = text.replace('console.example wants', 'evil.example wants');
    await signIn(forOtherDomain, await wallet.signMessage(forOtherDomain)).expect(401);
    await signIn('1796000000', await wallet.signMessage('1796000000')).expect(401);
  });

  it('a text signs in for five minutes only, and its time is part of what is signed [K14]', async () => {
    const time = { isLater: false };
    class LaterClock extends Clock {
      override now(): Date {
        return new Date(Date.now() + (time.isLater ? 300_000 : 0));
      }
    }
    const { wallet, challenge, signIn } = await aSigner({ clock: { provide: Clock, useClass: LaterClock } });
    const [old, other] = [await challenge(), await challenge()];
    const signature = await wallet.signMessage(old);
    const renewed = old.replace(
      /Expiration Time: .*/,
      `Expiration Time: ${new Date(Date.now() + 900_000).toISOString()}`,
    );

    time.isLater = true;
    await signIn(old, signature).expect(401);
    await signIn(renewed, await wallet.signMessage(renewed)).expect(401);
    time.isLater = false;
    await signIn(other, signature).expect(401);
    await signIn(old, signature).expect(200);
  });

  it('the session of an earlier owner ends when the project gets another one, and not by other changes [K14]', async () => {
    const { wallet, projectId, visitor, challenge, signIn } = await aSigner();
    const text = await challenge();
    await signIn(text, await wallet.signMessage(text)).expect(200);
    const projects = app!.get(Projects);

    await projects.updateProject(projectId, { name: 'Renamed' });
    await visitor.get('refreshes').expect(200);
    await projects.updateProject(projectId, { ownerAddress: Wallet.createRandom().address });

    await visitor.get('refreshes').expect(401);
    expect(await visitor.read('session', sessionSchema)).toMatchObject({ person: null });
  });

  it('a text of another place of ours signs in there only [K14]', async () => {
    const { wallet, challenge } = await aSigner();
    const text = await challenge();
    const other = await startConsoleHost(database, metadataApi, { publicOrigins: ['https://other.example'] });

    const body = { kind: 'wallet', text, signature: await wallet.signMessage(text) };
    await new ConsoleVisitor(other).post('session', body).expect(401);
    await new ConsoleVisitor(app!).post('session', body).expect(200);
    await other.close();
  });

  it('a text that is not an address gets no challenge to sign', async () => {
    const { visitor } = await aSigner();

    await visitor.post('session/challenge', { address: '0x12' }).expect(400);
    await visitor.post('session/challenge', {}).expect(400);
  });
});

it.each([[['api-key']], [['wallet']], [[]]] as const)(
  'partners sign in by %j and by nothing else',
  async (partners) => {
    app = await startConsoleHost(database, metadataApi, { partners: [...partners] });
    const { apiKey } = await aStudio(app, metadataApi);
    const visitor = new ConsoleVisitor(app);
    const allows = (way: string) => (partners as readonly string[]).includes(way);

    expect(await visitor.read('session', sessionSchema)).toMatchObject({
      signIn: { apiKey: allows('api-key'), wallet: allows('wallet') },
    });
    await visitor.post('session', { kind: 'api_key', apiKey }).expect(allows('api-key') ? 200 : 401);
    const { address } = Wallet.createRandom();
    await visitor.post('session/challenge', { address }).expect(allows('wallet') ? 200 : 404);
  },
);
