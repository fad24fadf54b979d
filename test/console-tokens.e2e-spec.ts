import {
  newRefreshSchema,
  refreshDetailsSchema,
  searchSchema,
  tokenAttemptsSchema,
  tokenListSchema,
  tokenSchema,
  tokenVersionsSchema,
  versionDiffSchema,
  type TokenAttempts,
} from '../libs/console/src/wire/index.js';
import { Webhooks } from '@app/metadata-events';
import { Collections, TokenStore } from '@app/token-store';
import { ConsoleVisitor, expectShape } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';

const MAX_TOKEN_ID = String(2n ** 256n - 1n);

let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);
const pathOf = ({ collectionAddress }: TestProject, tokenId: string) => `tokens/1/${collectionAddress}/${tokenId}`;
const readToken = async (visitor: ConsoleVisitor, project: TestProject, tokenId: string) =>
  (await visitor.read(pathOf(project, tokenId), tokenSchema)).token;

describe('a token', () => {
  it('the page of a token has the record, how many tokens share a trait, what is unusual, and the document to the last digit [K33]', async () => {
    const project = await test.aProject({ tokens: ['1', '2', MAX_TOKEN_ID] });
    const document =
      '{"name":"Max","image":"images/1.png","supply":12345678901234567890.10,"attributes":[{"trait_type":"Level","value":3}]}';
    for (const id of ['1', MAX_TOKEN_ID]) test.metadataApi.respond(id, 200, document);
    await refreshOnce(test, project, ['1', MAX_TOKEN_ID]);

    const token = await readToken(await aPartner(project), project, MAX_TOKEN_ID);

    expect(token).toMatchObject({
      tokenId: MAX_TOKEN_ID,
      project: null,
      collection: { chainId: 1, address: project.collectionAddress },
      collectionTokens: 3,
      name: 'Max',
      status: 'ok',
      version: 1,
      document,
      documentBytes: document.length,
      lastError: null,
      attributes: [{ traitType: 'Level', value: 3, tokens: 2 }],
      warnings: [{ code: 'relative_image', message: expect.stringMatching(/^The URL in image was dropped/) as string }],
      actions: { refresh: true, image: false },
    });
    const whole = await operator.get(`${pathOf(project, MAX_TOKEN_ID)}/document`).expect(200);
    expect(whole.text).toBe(document);
    expect(whole.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': `attachment; filename="token-${MAX_TOKEN_ID}.json.txt"`,
    });
  });

  it('a partner refreshes the token of the page, also if its contract has the same address on another chain', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const source = { kind: 'metadata_api' as const, url: `${test.metadataApi.url}/${project.collectionAddress}` };
    const elsewhere = { chainId: 137, address: project.collectionAddress, projectId: project.id, source };
    const { id } = await test.app.get(Collections).add(elsewhere);
    await test.app.get(TokenStore).registerTokens(id, ['1']);
    const partner = await aPartner(project);

    const requested = await partner.post(`tokens/137/${project.collectionAddress}/1/refresh`);

    const { refreshId } = expectShape(newRefreshSchema, requested);
    await test.worker.runOnce();
    const { refresh } = await operator.read(`refreshes/${refreshId}`, refreshDetailsSchema);
    expect(refresh).toMatchObject({ collection: { chainId: 137 }, succeeded: 1, trigger: 'api' });
    expect(await readToken(operator, project, '1')).toMatchObject({ status: 'pending' });
  });

  it('a large document is cut on the page, never within a character, and whole in the download', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const document = JSON.stringify({ name: 'x', text: '😀'.repeat(50_000) });
    test.metadataApi.respond('1', 200, document);
    await refreshOnce(test, project, ['1']);

    const { document: shown, documentBytes } = await readToken(operator, project, '1');

    expect(documentBytes).toBe(Buffer.byteLength(document));
    expect(document.startsWith(shown!)).toBe(true);
    expect(shown!.length).toBeGreaterThan(65_000);
    expect(Buffer.from(shown!).toString()).toBe(shown);
    expect((await operator.get(`${pathOf(project, '1')}/document`)).text).toBe(document);
  });

  it('a token that fails says since when and what to do, and one that was never fetched can be refreshed', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    await refreshOnce(test, project, ['1']);
    test.metadataApi.respond('1', 404, '');
    await refreshOnce(test, project, ['1']);

    expect(await readToken(operator, project, '1')).toMatchObject({
      project: { name: 'Studio' },
      status: 'stale',
      name: 'Token 1',
      staleSince: expect.any(String) as string,
      failCount: 1,
      lastError: { reason: 'status_404', title: 'Your server has no document for these tokens' },
    });
    expect(await readToken(operator, project, '2')).toMatchObject({
      status: 'pending',
      document: null,
      version: 0,
      actions: { refresh: true },
    });
    const partner = await aPartner(project);
    expectShape(newRefreshSchema, await partner.post(`${pathOf(project, '2')}/refresh`));
    const { refreshId } = expectShape(newRefreshSchema, await operator.post(`${pathOf(project, '1')}/refresh`));
    test.metadataApi.forgetScripts();
    await test.worker.runOnce();
    expect(await readToken(operator, project, '2')).toMatchObject({ status: 'ok', name: 'Token 2' });
    expect((await operator.read(`refreshes/${refreshId}`, refreshDetailsSchema)).refresh.trigger).toBe('console');
    expect(
      await test.database.query(
        `select who, action, target, outcome from nft_metadata.console_actions order by id desc limit 2`,
      ),
    ).toEqual([
      { who: 'Mira', action: 'token.refresh', target: `1/${project.collectionAddress}/1`, outcome: 'done' },
      { who: 'Studio', action: 'token.refresh', target: `1/${project.collectionAddress}/2`, outcome: 'done' },
    ]);
  });

  it('the attempts at a token are a time line, newest first, with the refresh of each [K32]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const first = await refreshOnce(test, project, ['1']);
    test.metadataApi.respond('1', 404, '');
    const second = await refreshOnce(test, project, ['1']);

    const { rows, next } = await operator.read(`${pathOf(project, '1')}/attempts`, tokenAttemptsSchema);

    expect(next).toBeNull();
    expect(rows).toMatchObject([
      {
        refreshId: second,
        attempt: 1,
        requests: [{ statusCode: 404, reason: 'status_404', title: 'Your server has no document for these tokens' }],
      },
      { refreshId: first, attempt: 1, requests: [{ statusCode: 200, outcome: 'fetched', reason: null, title: null }] },
    ]);
  });

  it('the requests of one attempt to several gateways are one group, also across pages [K32]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await refreshOnce(test, project, ['1']);
    const refreshes = ['01a00000-0000-7000-8000-000000000001', '01a00000-0000-7000-8000-000000000002'];
    await test.database.query(
      `insert into nft_metadata.refresh_attempts
         (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, reason, duration_ms, bytes, attempted_at)
       select $1, 1, refresh_id, attempt, 'https://gateway' || request || '.example/x', 'bad_status', 500, 'status_500', 10, 5, now()
       from unnest($2::uuid[]) as refresh (refresh_id), generate_series(1, 30) as attempt, generate_series(1, 3) as request
       order by refresh_id, attempt, request`,
      [project.collectionId, refreshes],
    );

    const groups: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: TokenAttempts = expectShape(
        tokenAttemptsSchema,
        await operator.get(`${pathOf(project, '1')}/attempts?cursor=${cursor}`),
      );
      groups.push(
        ...page.rows.map(
          ({ refreshId, attempt, requests }) =>
            `${refreshId.slice(-1)}/${attempt}: ${requests.map(({ url }) => url.slice(15, 16)).join('')}`,
        ),
      );
      cursor = page.next;
    }

    expect(groups.slice(0, 60)).toEqual(
      ['2', '1'].flatMap((refresh) => Array.from({ length: 30 }, (_, index) => `${refresh}/${30 - index}: 123`)),
    );
    expect(groups).toHaveLength(61);
  });

  it('the versions of a token are listed, and any two are compared with their documents', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    for (const level of [1, 2, 3]) {
      test.metadataApi.respond('1', 200, { name: 'Hero', attributes: [{ trait_type: 'Level', value: level }] });
      await refreshOnce(test, project, ['1']);
    }

    const { rows, areKept, next } = await operator.read(`${pathOf(project, '1')}/versions`, tokenVersionsSchema);
    const { diff } = await operator.read(`${pathOf(project, '1')}/versions/1/diff?to=3`, versionDiffSchema);

    expect([areKept, next]).toEqual([true, null]);
    expect(rows.map(({ version, trigger, traitsAdded }) => [version, trigger, traitsAdded])).toEqual([
      [3, 'api', [{ traitType: 'Level', value: '3' }]],
      [2, 'api', [{ traitType: 'Level', value: '2' }]],
      [1, 'api', [{ traitType: 'Level', value: '1' }]],
    ]);
    expect(diff).toMatchObject({ from: 1, to: 3, changedFields: ['attributes'], traitsRemoved: [{ value: '1' }] });
    expect(JSON.parse(diff.patch!)).toEqual([{ op: 'replace', path: '/attributes/0/value', value: 3 }]);
    expect([diff.before, diff.after]).toEqual([
      expect.stringContaining('"value":1'),
      expect.stringContaining('"value":3'),
    ]);
    await operator.get(`${pathOf(project, '1')}/versions/9/diff`).expect(404);
    await operator.get(`${pathOf(project, '1')}/versions/x/diff`).expect(404);
  });

  it('a token is found by its id in all collections that the person may see', async () => {
    const [one, other] = [await test.aProject({ tokens: ['77001'] }), await test.aProject({ tokens: ['77001'] })];

    const ofOperator = await operator.read('tokens/find?q=77001', tokenListSchema);
    const ofPartner = await (await aPartner(other)).read('tokens/find?q=77001', tokenListSchema);

    expect(ofOperator.rows.map(({ collection }) => collection.address)).toEqual([
      one.collectionAddress,
      other.collectionAddress,
    ]);
    expect(ofPartner.rows).toMatchObject([
      { tokenId: '77001', status: 'pending', collection: { address: other.collectionAddress } },
    ]);
    await operator.get('tokens/find?q=x').expect(400);
  });

  it('a partner gets the same for another’s token as for one that does not exist [K20]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await refreshOnce(test, project, ['1']);
    const stranger = await aPartner(await test.aProject({ tokens: ['1'] }));
    const unknown = { collectionAddress: `0x${'12'.repeat(20)}` } as TestProject;
    const bodyOf = async (path: string) => {
      const { status, body } = await stranger.get(path);
      return { status, ...(body as object), requestId: undefined };
    };

    for (const below of ['', '/document', '/attempts', '/versions', '/versions/1/diff']) {
      const ofOther = await bodyOf(`${pathOf(project, '1')}${below}`);
      expect(ofOther.status).toBe(404);
      expect(ofOther).toEqual(await bodyOf(`${pathOf(unknown, '1')}${below}`));
    }
    await stranger.post(`${pathOf(project, '1')}/refresh`).expect(404);
    for (const wrong of [
      'tokens/x/0x12/1',
      `tokens/1/${project.collectionAddress}/01`,
      `tokens/2/${project.collectionAddress}/1`,
    ]) {
      await operator.get(wrong).expect(404);
    }
  });
});

describe('the search field', () => {
  const find = async (visitor: ConsoleVisitor, text: string) =>
    (await visitor.read(`search?q=${encodeURIComponent(text)}`, searchSchema)).hits;

  it('the search of the console finds refreshes, tokens, collections, hosts, projects and webhooks by their names', async () => {
    const project = await test.aProject({ tokens: ['88001'] });
    const refreshId = await refreshOnce(test, project, ['88001']);
    const { id: webhookId } = await test.app
      .get(Webhooks)
      .add({ projectId: project.id, url: `${test.metadataApi.url}/hook?key=1` });
    const token = `tokens/1/${project.collectionAddress}/88001`;

    expect(await find(operator, ` ${refreshId.toUpperCase()} `)).toMatchObject([
      { kind: 'refresh', link: `refreshes/${refreshId}` },
    ]);
    expect(await find(operator, '88001')).toMatchObject([{ kind: 'token', detail: 'Token 88001', link: token }]);
    expect(await find(operator, project.collectionAddress)).toMatchObject([
      { kind: 'collection', link: `refreshes?collection=${project.collectionId}` },
    ]);
    expect(await find(operator, project.wallet.address)).toMatchObject([
      { kind: 'project', label: 'Studio', link: `projects/${project.id}` },
    ]);
    expect(await find(operator, test.metadataApi.host)).toMatchObject([
      { kind: 'host', link: `hosts/${encodeURIComponent(test.metadataApi.host)}` },
    ]);
    expect(await find(operator, webhookId)).toMatchObject([
      { kind: 'webhook', detail: test.metadataApi.host, link: `webhooks/${webhookId}` },
    ]);
    expect(await find(operator, project.id)).toMatchObject([{ kind: 'project', link: `projects/${project.id}` }]);
    for (const nothing of ['', 'x', '0', '%', '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21', 'no.such.host'])
      expect(await find(operator, nothing)).toEqual([]);
  });

  it('a partner finds nothing of another [K20]', async () => {
    const project = await test.aProject({ tokens: ['88002'] });
    const refreshId = await refreshOnce(test, project, ['88002']);
    const { id: webhookId } = await test.app
      .get(Webhooks)
      .add({ projectId: project.id, url: `${test.metadataApi.url}/hook` });
    const stranger = await aPartner(await test.aProject({ metadataUrl: 'https://other.example' }));

    for (const text of [
      refreshId,
      '88002',
      project.collectionAddress,
      project.collectionId,
      project.wallet.address,
      test.metadataApi.host,
      webhookId,
      project.id,
    ]) {
      expect(await find(stranger, text)).toEqual([]);
    }
  });
});
