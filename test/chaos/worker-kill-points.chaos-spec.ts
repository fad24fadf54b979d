import { CrashTest, rounds } from '../support/crash-test.js';
import { blockCommits, killAt, killPoints, installCommitTriggers } from '../support/kill-points.js';
import type { ServiceProcess } from '../support/service-process.js';

let test: CrashTest;
let api: ServiceProcess;
let worker: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
  await installCommitTriggers(test);
  [api, worker] = await Promise.all([test.startProcess('api'), test.startProcess('worker')]);
});
afterAll(async () => test.stop());

const each = rounds(2);

describe.each(each)('round %i: workers', () => {
  it.each(killPoints.map((point) => [point.name, point] as const))(
    'a worker that is killed %s loses nothing',
    async (_, killPoint) => {
      worker = await killAt(test, api.url, worker, killPoint);
    },
  );
});

describe.each(each)('round %i: API processes', () => {
  it('an API process that is killed while a refresh is being committed has accepted it, although the client got no response', async () => {
    const project = await test.aProject(5);
    const commits = await blockCommits(test, 'accept');

    const response = test.post(api.url, project, project.tokenIds).then(
      ({ status }) => status,
      () => 'none',
    );
    await commits.reached();
    await api.end('SIGKILL');
    await commits.release();
    expect(await response).toBe('none');
    api = await test.startProcess('api');
    const again = await test.request(api.url, project, project.tokenIds);

    const listed = await fetch(`${api.url}/v1/metadata-refreshes`, { headers: { 'x-api-key': project.apiKey } });
    const { result } = (await listed.json()) as { result: { refresh_id: string }[] };
    expect(result).toHaveLength(2);
    expect(result[0]).toMatchObject({ refresh_id: again });
    await test.expectAllDone();
  });

  it('an API process that is killed before a refresh is complete has saved nothing of it, and used no quota', async () => {
    const project = await test.aProject(5);
    const quotas = await test.holdLock('lock table nft_metadata.refresh_quotas in exclusive mode');

    const response = test.post(api.url, project, project.tokenIds).catch(() => null);
    await quotas.reached();
    await api.end('SIGKILL');
    await quotas.release();
    await response;
    api = await test.startProcess('api');

    const left = await test.database.query(
      `select id::text from nft_metadata.refreshes where project_id = $1
       union all select project_id from nft_metadata.refresh_quotas where project_id = $1 and used > 0`,
      [project.id],
    );
    expect(left).toEqual([]);
    await test.expectAllDone();
  });
});
