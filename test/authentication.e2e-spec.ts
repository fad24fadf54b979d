import { RefreshApiModule } from '@app/refresh-api';
import { http, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

const REFRESHES = '/v1/metadata-refreshes';

/** Of our form, and good for nothing. */
async function aRevokedKey(test: TestApp): Promise<string> {
  const project = await test.aProject();
  await test.revokeApiKey(project);
  return project.apiKey;
}

describe('wallet signatures', () => {
  let test: TestApp;
  let project: TestProject;
  beforeAll(async () => {
    test = await startApp();
    project = await test.aProject({ tokens: ['1'] });
  });
  afterAll(() => test.stop());

  const read = (headers: Record<string, string>) => http(test.app).get(REFRESHES).set(headers);
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000);

  it.each([-295, 0, 295])('a wallet signature of a time %i seconds from now is accepted', async (seconds) => {
    await read(await signedHeaders(project, inSeconds(seconds))).expect(200);
  });

  it.each([-310, 310])(
    'a wallet signature of a time %i seconds from now is refused with the time of the server',
    async (seconds) => {
      const { body } = await read(await signedHeaders(project, inSeconds(seconds))).expect(401);

      expect(body).toMatchObject({ code: 'unauthorized', details: 'timestamp_out_of_window' });
      const [told] = /[0-9]{10}/.exec((body as { message: string }).message)!;
      expect(Math.abs(Number(told) - Date.now() / 1000)).toBeLessThan(30);
    },
  );

  it('a wallet signature of a time in milliseconds is refused with a message that says so', async () => {
    const timestamp = String(Date.now());
    const headers = {
      'x-imx-eth-address': project.wallet.address,
      'x-imx-eth-timestamp': timestamp,
      'x-imx-eth-signature': await project.wallet.signMessage(timestamp),
    };

    const { body } = await read(headers).expect(401);

    expect(body).toMatchObject({ message: expect.stringContaining('milliseconds') as string });
  });

  it('a wallet signature passes again and again within the window, since real clients send one for every request of a second', async () => {
    const headers = await signedHeaders(project);

    for (let count = 0; count < 3; count += 1) await read(headers).expect(200);
  });

  it('a wallet signature passes with v as 1b or 1c, as a raw wallet makes it, and with the address in lower case', async () => {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = await project.wallet.signMessage(timestamp);

    for (const address of [project.wallet.address, project.wallet.address.toLowerCase()]) {
      await read({
        'x-imx-eth-address': address,
        'x-imx-eth-timestamp': timestamp,
        'x-imx-eth-signature': signature,
      }).expect(200);
    }
  });

  it('a wallet signature of a wallet without a project gets the response to a wrong signature', async () => {
    const stranger = await test.aProject();
    const wallet = stranger.wallet.derivePath('0');
    const unknown = await read(await signedHeaders({ wallet })).expect(401);
    const wrong = await read({
      ...(await signedHeaders(stranger)),
      'x-imx-eth-address': project.wallet.address,
    }).expect(401);

    expect(unknown.body).toMatchObject({ details: 'invalid_signature' });
    expect(wrong.body).toMatchObject({ details: 'invalid_signature' });
  });

  it('a wallet signature together with an API key of another project is refused', async () => {
    const other = await test.aProject();

    const { body } = await read({ ...(await signedHeaders(project)), 'x-api-key': other.apiKey }).expect(401);

    expect(body).toMatchObject({ details: 'credentials_disagree' });
  });

  it('a wallet signature passes beside an API key of another service, and beside an empty one', async () => {
    await read({ ...(await signedHeaders(project)), 'x-api-key': 'sk_of_another_service' }).expect(200);
    await read({ ...(await signedHeaders(project)), 'x-api-key': '' }).expect(200);
    await read({ 'x-api-key': project.apiKey, 'x-imx-eth-signature': '' }).expect(200);
  });

  it('a wallet signature and an API key must both be valid when both are sent', async () => {
    await read({ ...(await signedHeaders(project)), 'x-api-key': project.apiKey }).expect(200);
    await read({ ...(await signedHeaders(project)), 'x-api-key': await aRevokedKey(test) }).expect(401);
  });
});

describe('wallet signatures that were used before', () => {
  let test: TestApp;
  let project: TestProject;
  let webhookAt: string;
  beforeAll(async () => {
    test = await startApp();
    project = await test.aProject({ tokens: ['1'] });
    const { body } = await http(test.app)
      .post('/v1/webhooks')
      .set('x-api-key', project.apiKey)
      .send({ url: 'https://partner.example/hook' })
      .expect(201);
    webhookAt = `/v1/webhooks/${(body as { webhook_id: string }).webhook_id}`;
  });
  afterAll(() => test.stop());

  let seconds = 0;
  /** Of a second that no other test signs. */
  const freshHeaders = () => signedHeaders(project, new Date(Date.now() - (seconds += 2) * 1000));
  const send = (method: 'post' | 'patch' | 'delete', path: string, headers: Record<string, string>, body?: object) =>
    http(test.app)[method](path).set(headers).send(body);
  const collectionAt = () => `/v1/collections/${project.collectionAddress}`;
  const secrets = () => test.database.query('select * from nft_metadata.webhook_secrets order by 1, 2');

  it.each<[string, 'post' | 'patch' | 'delete', () => string, object | undefined, number]>([
    ['changes no collection', 'patch', collectionAt, { metadata_url: 'https://other.example/' }, 200],
    ['registers no tokens', 'post', () => `${collectionAt()}/tokens`, { token_ids: ['7'] }, 200],
    ['creates no webhook', 'post', () => '/v1/webhooks', { url: 'https://partner.example/two' }, 201],
    ['changes no webhook', 'patch', () => webhookAt, { url: 'https://partner.example/three' }, 200],
    ['enables no webhook', 'post', () => `${webhookAt}/enable`, {}, 200],
    ['rotates no secret', 'post', () => `${webhookAt}/rotate-secret`, { keep_old_hours: 0 }, 200],
    ['tests no webhook', 'post', () => `${webhookAt}/test`, undefined, 200],
    ['deletes no webhook', 'delete', () => webhookAt, undefined, 204],
  ])(
    'a wallet signature that was used before %s, also when it was only used to read',
    async (_, method, path, body, status) => {
      const headers = await freshHeaders();
      await http(test.app).get(REFRESHES).set(headers).expect(200);
      const before = await secrets();

      const replayed = await send(method, path(), headers, body).expect(401);
      const after = await secrets();
      await send(method, path(), await freshHeaders(), body).expect(status);

      expect(replayed.body).toMatchObject({
        code: 'unauthorized',
        details: 'signature_already_used',
        message: expect.stringContaining('sign another second') as string,
      });
      expect(after).toEqual(before);
    },
  );

  it('of concurrent requests with one wallet signature, only one rotates a secret', async () => {
    const { body } = await send('post', '/v1/webhooks', await freshHeaders(), { url: 'https://partner.example/four' });
    const path = `/v1/webhooks/${(body as { webhook_id: string }).webhook_id}/rotate-secret`;
    const headers = await freshHeaders();

    const responses = await Promise.all(Array.from({ length: 5 }, () => send('post', path, headers)));

    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401, 401, 401]);
  });

  it('a wallet signature that was used before can still request and read refreshes, as clients of the public contract do', async () => {
    const headers = await freshHeaders();
    const refresh = () =>
      send('post', REFRESHES, headers, { collection_address: project.collectionAddress, token_ids: ['1'] });

    for (let count = 0; count < 3; count += 1) await refresh().expect(202);
    await http(test.app).get('/v1/webhooks').set(headers).expect(200);
    await send('post', '/v1/webhooks', headers, { url: 'https://partner.example/five' }).expect(401);
  });
});

describe('one-time signatures', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp({ projectAuth: { oneTimeSignatures: true, signatureWindowSeconds: 60 } });
  });
  afterAll(() => test.stop());

  const read = (headers: Record<string, string>) => http(test.app).get(REFRESHES).set(headers);

  it('a one-time signature authenticates one request, however many are concurrent', async () => {
    const headers = await signedHeaders(await test.aProject());

    const responses = await Promise.all(Array.from({ length: 5 }, () => read(headers)));

    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401, 401, 401]);
    expect(responses.find(({ status }) => status === 401)?.body).toMatchObject({ details: 'signature_already_used' });
  });

  it('a one-time signature is used up by its address and timestamp, not by the text of the signature', async () => {
    const project = await test.aProject();
    const headers = await signedHeaders(project);
    await read(headers).expect(200);
    const spelled = {
      ...headers,
      'x-imx-eth-signature': headers['x-imx-eth-signature']!.toUpperCase().replace('0X', '0x'),
    };

    await read(spelled).expect(401);
  });

  it('a one-time signature does not affect another second, another project or API keys', async () => {
    const [project, other] = [await test.aProject(), await test.aProject()];
    const now = new Date();
    await read(await signedHeaders(project, now)).expect(200);

    await read(await signedHeaders(project, new Date(now.getTime() - 1000))).expect(200);
    await read(await signedHeaders(other, now)).expect(200);
    for (let count = 0; count < 2; count += 1) await read({ 'x-api-key': project.apiKey }).expect(200);
  });

  it('one-time signatures are forgotten when they have left the window', async () => {
    const project = await test.aProject();
    await test.database.query("insert into nft_metadata.used_signatures values ($1, now() - interval '1 hour')", [
      project.wallet.address.toLowerCase(),
    ]);

    await read(await signedHeaders(project)).expect(200);

    expect(
      await test.database.query("select from nft_metadata.used_signatures where signed_at < now() - interval '10 min'"),
    ).toEqual([]);
  });
});

describe('credentials of a dialect', () => {
  it('each dialect accepts the credentials that its option names: signatures for partners, API keys alone for projects', async () => {
    const test = await startApp({
      refreshApi: {
        projectApiAuthentication: ['api_key'],
        partnerApiAuthentication: ['wallet_signature', 'api_key'],
      },
    });
    const project = await test.aProject({ tokens: ['1'] });
    const partner = (headers: Record<string, string>) =>
      http(test.app)
        .post(`/collections/${project.collectionAddress}/refresh_metadata`)
        .set(headers)
        .send({ token_ids: ['1'] });

    await partner(await signedHeaders(project)).expect(200);
    await partner({ 'x-api-key': project.apiKey }).expect(200);
    await http(test.app).get(REFRESHES).set('x-api-key', project.apiKey).expect(200);
    const { body } = await http(test.app)
      .get(REFRESHES)
      .set(await signedHeaders(project))
      .expect(401);
    await test.stop();

    expect(body).toMatchObject({
      details: 'credentials_missing',
      message: 'The request is not authenticated: send x-api-key.',
    });
  });

  it('each dialect has the paths that its option names, and a dialect that is turned off does not exist', async () => {
    const test = await startApp({ projectApiPath: 'nft/v1', partnerApiPaths: [] });
    const project = await test.aProject();

    await http(test.app).get('/nft/v1/metadata-refreshes').set('x-api-key', project.apiKey).expect(200);
    await http(test.app).get('/v1/metadata-refreshes').set('x-api-key', project.apiKey).expect(404);
    await http(test.app).post(`/collections/${project.collectionAddress}/refresh_metadata`).expect(404);
    const broken = await http(test.app)
      .post('/nft/v1/metadata-refreshes')
      .set('content-type', 'application/json')
      .send('{')
      .expect(400);
    await test.stop();

    expect(broken.body).toMatchObject({ code: 'malformed_request' });
  });

  it.each([
    ['/v1/', '/v1/metadata-refreshes'],
    ['', '/metadata-refreshes'],
  ])('the path of the project API may be written as %j', async (projectApiPath, path) => {
    const test = await startApp({ projectApiPath });
    const project = await test.aProject({ tokens: ['1'] });

    await http(test.app).get(path).set('x-api-key', project.apiKey).expect(200);
    await http(test.app)
      .post(`/collections/${project.collectionAddress}/refresh_metadata`)
      .set('x-api-key', project.apiKey)
      .send({ token_ids: ['1'] })
      .expect(200);
    await test.stop();
  });

  it('a wrong option of authentication or of the API is refused by name before anything starts', async () => {
    await expect(startApp({ projectAuth: { requestsPerSecond: 5_000_000_000 } })).rejects.toThrow(/requestsPerSecond/);
    expect(() => RefreshApiModule.forRoot({ projectApiPath: 'v1?' })).toThrow(/projectApiPath/);
    await expect(startApp({ refreshApi: { projectApiAuthentication: [] } })).rejects.toThrow(
      /RefreshApiModule: wrong options[^]*projectApiAuthentication/,
    );
  });
});
