import { Client } from 'pg';
import { LastingConnection } from './database.js';
import { Watch, type AcceptedRefresh } from './invariants.js';
import type { HostResponse } from './metadata-host.js';
import { startServiceProcess, type ServiceProcess } from './service-process.js';
import { startApp, type TestApp, type TestProject } from './start-app.js';

type RunMode = 'api' | 'worker' | 'all';
export type CrashProject = TestProject & { tokenIds: string[] };

/** 1, 2, … for what a suite repeats, because no two rounds are alike; CHAOS_ROUNDS=10 makes ten times as many. */
export function rounds(usual: number): number[] {
  return Array.from({ length: usual * Number(process.env['CHAOS_ROUNDS'] ?? 1) }, (_, index) => index + 1);
}

/** Waits for a state, never for a time. */
export function until(isSo: () => Promise<boolean> | boolean, timeout = 90_000): Promise<unknown> {
  return vi.waitUntil(isSo, { timeout, interval: 50 });
}

/** How long a disturbance lasts, or at which moment it begins: the only thing that tests spend time on. */
export function pass(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/**
 * A database, a metadata host, and processes of the service that get killed; and a watch that looks on. What is done
 * with it is black-box: signals, HTTP and SQL.
 */
export class CrashTest {
  readonly accepted: AcceptedRefresh[] = [];
  /** What processes connect to; a proxy may stand there. */
  databaseUrl: string;
  private readonly processes = new Map<ServiceProcess, RunMode>();
  private readonly looks: LastingConnection;
  private lastTokenId = 0;

  private constructor(
    readonly app: TestApp,
    readonly watch: Watch,
  ) {
    this.databaseUrl = app.database.url;
    this.looks = new LastingConnection(app.database.url);
  }

  /** On the run's server, or on the one whose template is given. */
  static async start(templateUrl?: string): Promise<CrashTest> {
    const app = await startApp({}, { templateUrl });
    return new CrashTest(app, await Watch.start(app.database, app.metadataApi));
  }

  get database() {
    return this.app.database;
  }

  get metadataApi() {
    return this.app.metadataApi;
  }

  async startProcess(runMode: RunMode, nodeOptions: readonly string[] = []): Promise<ServiceProcess> {
    const { metadataApi, databaseUrl } = this;
    const service = await startServiceProcess({ metadataApi, database: { url: databaseUrl } }, runMode, nodeOptions);
    this.processes.set(service, runMode);
    service.process.once('exit', () => this.processes.delete(service));
    return service;
  }

  /** A project with a collection of as many tokens, whose ids no other project of the test has. */
  async aProject(tokens: number): Promise<CrashProject> {
    const tokenIds = Array.from({ length: tokens }, () => String((this.lastTokenId += 1)));
    const limits = { tokensPerHour: 1_000_000, tokensPerRequest: 100_000 };
    return { ...(await this.app.aProject({ tokens: tokenIds, limits })), tokenIds };
  }

  /** A POST to a process. What is answered with 202 is held against the service from then on. */
  async post(url: string, project: TestProject, tokenIds: readonly string[]): Promise<Response> {
    const response = await fetch(`${url}/v1/metadata-refreshes`, {
      method: 'POST',
      headers: { 'x-api-key': project.apiKey, 'content-type': 'application/json' },
      body: JSON.stringify({ collection_address: project.collectionAddress, token_ids: tokenIds }),
    });
    if (response.status === 202) {
      const { refresh_id: refreshId } = (await response.clone().json()) as { refresh_id: string };
      this.accepted.push({ refreshId, tokenIds });
    }
    return response;
  }

  async request(url: string, project: TestProject, tokenIds: readonly string[]): Promise<string> {
    const response = await this.post(url, project, tokenIds);
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
    return this.accepted.at(-1)!.refreshId;
  }

  /** Every process, or those of one mode. */
  async killAll(runMode?: RunMode): Promise<void> {
    const killed = [...this.processes].filter(([, mode]) => runMode === undefined || mode === runMode);
    await Promise.all(killed.map(([service]) => service.end('SIGKILL')));
  }

  /** 200, 503, or 0 where nobody answers. */
  async readiness({ url }: ServiceProcess): Promise<number> {
    return fetch(`${url}/health/ready`).then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** The leases of whatever was killed run out now. */
  async outliveLeases(): Promise<void> {
    await this.database.advance(31);
  }

  async isCompleted(refreshId: string): Promise<boolean> {
    const completed = await this.looks.query(
      'select from nft_metadata.refreshes where id = $1 and completed_at is not null',
      [refreshId],
    );
    return completed.length === 1;
  }

  async pending(): Promise<number> {
    const [row] = await this.looks.query<{ pending: number }>(
      `select count(*)::int as pending from nft_metadata.refresh_items where status = 'pending'`,
    );
    return row!.pending;
  }

  /** Waits until all is done, and holds the invariants against it. */
  async expectAllDone(): Promise<void> {
    // If that takes too long, the invariants say what is left.
    await until(async () => (await this.pending().catch(() => null)) === 0).catch(() => {});
    await this.watch.expectInvariants(this.accepted);
  }

  /**
   * Holds something in the database that the service will have to wait for: a transaction with this statement in it.
   * So a process stops at a known place, and can be killed there.
   */
  async hold(statement: string, values: unknown[] = []): Promise<Hold> {
    const client = new Client({ connectionString: this.database.url });
    client.on('error', () => {});
    await client.connect();
    await client.query('begin');
    await client.query(statement, values);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return new Hold(this.database, client, rows[0]!.pid);
  }

  async stop(): Promise<void> {
    await this.killAll();
    await this.watch.stop();
    await this.looks.end();
    await this.app.stop();
  }

  /** Answers as the hosts of a market do: mostly well and slowly, some at the second try, some never. */
  mixResponses(tokenIds: readonly string[]): void {
    tokenIds.forEach((tokenId, index) => this.metadataApi.script(tokenId, ...mixedResponses(tokenId, index % 20)));
  }

  /** The same, after a good document for each token. Returns those documents that failures could spoil. */
  async mixLaterResponses(url: string, project: CrashProject): Promise<object[]> {
    this.numberResponses(project.tokenIds);
    await this.request(url, project, project.tokenIds);
    await this.expectAllDone();
    this.mixResponses(project.tokenIds);
    return this.failingDocuments(project, 'ok');
  }

  /** Of the tokens that never get a document from `mixResponses`. */
  failingDocuments({ collectionId, tokenIds }: CrashProject, status: 'ok' | 'stale'): Promise<object[]> {
    return this.database.query(
      `select token_id, name, raw::text as raw, content_hash from nft_metadata.tokens
       where collection_id = $1 and token_id = any($2) and metadata_status = $3 order by token_id`,
      [collectionId, tokenIds.filter((_, index) => index % 20 < 2), status],
    );
  }

  /** Documents that say as how manieth they were served. */
  numberResponses(tokenIds: readonly string[], afterMs = 0): void {
    for (const tokenId of tokenIds) this.metadataApi.script(tokenId, numbered(tokenId, afterMs));
  }
}

/** Something in the database that others wait for. */
export class Hold {
  private held: number[] = [];

  constructor(
    private readonly database: TestApp['database'],
    private readonly client: Client,
    private readonly pid: number,
  ) {}

  /** Somebody waits for it. */
  async reached(): Promise<void> {
    await until(async () => (await this.waiting()).length > 0);
    this.held = await this.waiting();
  }

  /** Lets go, and waits until those who waited have ended: theirs is the connection of a process that was killed. */
  async release(): Promise<void> {
    await this.client.query('rollback');
    await this.client.end();
    await until(async () => {
      const left = await this.database.query(`select from pg_stat_activity where pid = any($1)`, [this.held]);
      return left.length === 0;
    });
  }

  /** Ends the sessions of those who wait. */
  async endWaiting(): Promise<void> {
    await this.database.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [await this.waiting()]);
  }

  private async waiting(): Promise<number[]> {
    const rows = await this.database.query<{ pid: number }>(
      'select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))',
      [this.pid],
    );
    return rows.map(({ pid }) => pid);
  }
}

const numbered = (tokenId: string, afterMs = 0): HostResponse => ({
  status: 200,
  body: (served) => ({
    name: `#${tokenId}`,
    served,
    attributes: [{ trait_type: 'parity', value: served % 2 ? 'odd' : 'even' }],
  }),
  ...(afterMs > 0 && { before: () => pass(afterMs) }),
});

function mixedResponses(tokenId: string, place: number): HostResponse[] {
  if (place === 0) return [{ status: 404, body: 'not here' }];
  if (place === 1) return [{ behaviour: 'hangs' }];
  if (place < 4) return [{ status: 503, body: 'later' }, numbered(tokenId)];
  if (place < 6) return [numbered(tokenId)];
  return [numbered(tokenId, 300)];
}
