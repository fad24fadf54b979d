import { TokenStore } from '@app/token-store';
import type { HostResponse } from '@app/testing';
import { Client } from 'pg';
import { ReconnectingClient } from './database.js';
import { InvariantMonitor, type AcceptedRefresh } from './invariants.js';
import type { ControlCall } from './refresh-control.js';
import { startServiceProcess, type ServiceProcess } from './service-process.js';
import { startApp, type TestApp, type TestProject } from './start-app.js';

type RunMode = 'api' | 'worker' | 'all';
export type CrashProject = TestProject & { tokenIds: string[] };

/** The numbers of the rounds of a randomised test. CHAOS_ROUNDS=10 runs ten times as many. */
export function rounds(count: number): number[] {
  return Array.from({ length: count * Number(process.env['CHAOS_ROUNDS'] ?? 1) }, (_, index) => index + 1);
}

/** Waits for a condition, with a default timeout of 90 seconds. */
export function waitUntil(condition: () => Promise<boolean> | boolean, timeout = 90_000): Promise<unknown> {
  return vi.waitUntil(condition, { timeout, interval: 50 });
}

/** One statement must not take longer than its limit, also on a busy machine. */
const REGISTRATION_BATCH_SIZE = 2000;

/** The duration or the random start of a fault. Tests must not use it to wait for a state. */
export function delay(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/**
 * A database, a metadata host, service processes that a test kills, and a monitor of the invariants. The tests are black-box: they
 * use signals, HTTP and SQL.
 */
export class CrashTest {
  readonly accepted: AcceptedRefresh[] = [];
  /** The database URL of new processes. A test may set it to a proxy. */
  databaseUrl: string;
  private readonly processes = new Map<ServiceProcess, RunMode>();
  private readonly client: ReconnectingClient;
  private lastTokenId = 0;

  private constructor(
    readonly app: TestApp,
    readonly invariants: InvariantMonitor,
  ) {
    this.databaseUrl = app.database.url;
    this.client = new ReconnectingClient(app.database.url);
  }

  /** Uses the server of the run, or the one of `templateUrl`. */
  static async start(templateUrl?: string): Promise<CrashTest> {
    const app = await startApp({}, { templateUrl });
    return new CrashTest(app, await InvariantMonitor.start(app.database, app.metadataApi));
  }

  get database() {
    return this.app.database;
  }

  get metadataApi() {
    return this.app.metadataApi;
  }

  async startProcess(
    runMode: RunMode,
    nodeOptions: readonly string[] = [],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<ServiceProcess> {
    const { metadataApi, databaseUrl: url } = this;
    const service = await startServiceProcess({ metadataApi, database: { url } }, runMode, nodeOptions, variables);
    this.processes.set(service, runMode);
    service.process.once('exit', () => this.processes.delete(service));
    return service;
  }

  /** A project with a collection of `tokens` tokens. Token ids are unique within the test. */
  async aProject(tokens: number): Promise<CrashProject> {
    const tokenIds = Array.from({ length: tokens }, () => String((this.lastTokenId += 1)));
    const limits = { tokensPerHour: 1_000_000, tokensPerRequest: 100_000 };
    const project = await this.app.aProject({ tokens: tokenIds.slice(0, REGISTRATION_BATCH_SIZE), limits });
    for (let at = REGISTRATION_BATCH_SIZE; at < tokens; at += REGISTRATION_BATCH_SIZE) {
      const some = tokenIds.slice(at, at + REGISTRATION_BATCH_SIZE);
      await this.app.app.get(TokenStore).registerTokens(project.collectionId, some);
    }
    return { ...project, tokenIds };
  }

  /** Sends a POST to a process. A 202 is recorded: the invariants require that refresh to complete. */
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

  /** Requests a refresh of all registered tokens of the project's collection. */
  async requestAll(url: string, project: CrashProject): Promise<string> {
    const response = await fetch(`${url}/v1/metadata-refreshes`, {
      method: 'POST',
      headers: { 'x-api-key': project.apiKey, 'content-type': 'application/json' },
      body: JSON.stringify({ collection_address: project.collectionAddress, all: true }),
    });
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
    const { refresh_id: refreshId } = (await response.json()) as { refresh_id: string };
    this.accepted.push({ refreshId, tokenIds: project.tokenIds });
    return refreshId;
  }

  /** Sends a POST that controls a refresh. Returns the status, or 0 without a response. */
  async control(url: string, project: TestProject, refreshId: string, call: ControlCall): Promise<number> {
    return fetch(`${url}/v1/metadata-refreshes/${refreshId}/${call}`, {
      method: 'POST',
      headers: { 'x-api-key': project.apiKey },
    }).then(
      ({ status }) => status,
      () => 0,
    );
  }

  async request(url: string, project: TestProject, tokenIds: readonly string[]): Promise<string> {
    const response = await this.post(url, project, tokenIds);
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
    return this.accepted.at(-1)!.refreshId;
  }

  /** Kills all processes, or those of one run mode. */
  async killAll(runMode?: RunMode): Promise<void> {
    const killed = [...this.processes].filter(([, mode]) => runMode === undefined || mode === runMode);
    await Promise.all(killed.map(([service]) => service.end('SIGKILL')));
  }

  /** The status of `/health/ready`, or 0 without a response. */
  async readiness({ url }: ServiceProcess): Promise<number> {
    return fetch(`${url}/health/ready`).then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** Expires the leases of killed workers. */
  async expireLeases(): Promise<void> {
    await this.database.advance(31);
  }

  async isCompleted(refreshId: string): Promise<boolean> {
    const completed = await this.client.query(
      'select from nft_metadata.refreshes where id = $1 and completed_at is not null',
      [refreshId],
    );
    return completed.length === 1;
  }

  async countPending(): Promise<number> {
    const [row] = await this.client.query<{ pending: number }>(
      'select coalesce(sum(cardinality(token_ids)), 0)::int as pending from nft_metadata.refresh_chunks',
    );
    return row!.pending;
  }

  /** Waits until no token is pending, then checks the invariants. */
  async expectAllDone(): Promise<void> {
    // After a timeout, the invariants report the pending chunks.
    await waitUntil(async () => (await this.countPending().catch(() => null)) === 0).catch(() => {});
    await this.invariants.expectInvariants(this.accepted);
  }

  /**
   * Opens a transaction with this statement and keeps its locks. The service blocks on them at a known point, where a test can kill
   * it.
   */
  async holdLock(statement: string, values: unknown[] = []): Promise<HeldLock> {
    const client = new Client({ connectionString: this.database.url });
    client.on('error', () => {});
    await client.connect();
    await client.query('begin');
    await client.query(statement, values);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return new HeldLock(this.database, client, rows[0]!.pid);
  }

  async stop(): Promise<void> {
    await this.killAll();
    await this.invariants.stop();
    await this.client.end();
    await this.app.stop();
  }

  /** Scripts realistic responses: most succeed slowly, some on the second try, some never. */
  scriptMixedResponses(tokenIds: readonly string[]): void {
    tokenIds.forEach((tokenId, index) => this.metadataApi.script(tokenId, ...mixedResponses(tokenId, index % 20)));
  }

  /** The same after one successful refresh of each token. Returns the documents of the tokens that will fail. */
  async scriptMixedResponsesAfterSuccess(url: string, project: CrashProject): Promise<object[]> {
    this.scriptNumberedResponses(project.tokenIds);
    await this.request(url, project, project.tokenIds);
    await this.expectAllDone();
    this.scriptMixedResponses(project.tokenIds);
    return this.failingDocuments(project, 'ok');
  }

  /** The stored documents of the tokens for which `scriptMixedResponses` never returns one. */
  failingDocuments({ collectionId, tokenIds }: CrashProject, status: 'ok' | 'stale'): Promise<object[]> {
    return this.database.query(
      `select token_id, name, raw::text as raw, content_hash from nft_metadata.tokens
       join nft_metadata.token_documents using (id)
       where collection_id = $1 and token_id = any($2) and metadata_status = $3 order by token_id`,
      [collectionId, tokenIds.filter((_, index) => index % 20 < 2), status],
    );
  }

  /** Scripts documents whose field `served` is the number of the request. */
  scriptNumberedResponses(tokenIds: readonly string[], afterMs = 0): void {
    for (const tokenId of tokenIds) this.metadataApi.script(tokenId, numbered(tokenId, afterMs));
  }
}

/** An open transaction that blocks others. */
export class HeldLock {
  private blockedPids: number[] = [];

  constructor(
    private readonly database: TestApp['database'],
    private readonly client: Client,
    private readonly pid: number,
  ) {}

  /** Waits until a session is blocked by this transaction. */
  async reached(): Promise<void> {
    await waitUntil(async () => (await this.findBlockedPids()).length > 0);
    this.blockedPids = await this.findBlockedPids();
  }

  /** Rolls back, and waits until the blocked sessions, those of a killed process, have ended. */
  async release(): Promise<void> {
    await this.client.query('rollback');
    await this.client.end();
    await waitUntil(async () => {
      const left = await this.database.query(`select from pg_stat_activity where pid = any($1)`, [this.blockedPids]);
      return left.length === 0;
    });
  }

  /** Terminates the blocked sessions. */
  async terminateWaiting(): Promise<void> {
    await this.database.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [
      await this.findBlockedPids(),
    ]);
  }

  private async findBlockedPids(): Promise<number[]> {
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
  ...(afterMs > 0 && { before: () => delay(afterMs) }),
});

function mixedResponses(tokenId: string, index: number): HostResponse[] {
  if (index === 0) return [{ status: 404, body: 'not here' }];
  if (index === 1) return [{ behaviour: 'hangs' }];
  if (index < 4) return [{ status: 503, body: 'later' }, numbered(tokenId)];
  if (index < 6) return [numbered(tokenId)];
  return [numbered(tokenId, 300)];
}
