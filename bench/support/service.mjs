// The built service as it is deployed: processes with `RUN_MODE=api` and `RUN_MODE=worker` on one database.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { fileURLToPath } from 'node:url';
import { Projects } from '../../dist/libs/project-auth/src/index.js';
import { Collections, TokenStore } from '../../dist/libs/token-store/src/index.js';
import { AppModule } from '../../dist/src/app.module.js';
import { readEnvironment } from '../../dist/src/config/environment.js';
import { migrate } from '../../dist/src/database/migrations.js';
import { onCleanUp } from './clean-up.mjs';
import { chunks } from './measure.mjs';
import { Program } from './processes.mjs';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
/** High enough that no benchmark reaches a limit. */
const NO_LIMITS = { requestsPerSecond: 1_000_000, tokensPerRequest: 1_000_000, tokensPerHour: 1_000_000_000 };
/** Higher than the fetch concurrency of any process here, so that the latter is the limit. */
const HOST_CONCURRENCY = 1000;
const REGISTRATION_BATCH_SIZE = 10_000;

/** The application in this process, without HTTP and worker: for the set-up of benchmarks. */
export async function openApplication(databaseUrl, options = {}) {
  const environment = readEnvironment({ RUN_MODE: 'api', DATABASE_URL: databaseUrl });
  const application = await NestFactory.createApplicationContext(
    AppModule.forRoot({ ...environment, databaseUrl }, options),
    {
      logger: ['error', 'fatal'],
      abortOnError: false,
    },
  );
  onCleanUp(() => application.close()); // idempotent
  await migrate(databaseUrl);
  return application;
}

export class Service {
  #application;
  #environment;
  #collections = 0;

  constructor(database, application, metadataHosts) {
    this.database = database;
    this.#application = application;
    this.#environment = {
      DATABASE_URL: database.url,
      PORT: '0',
      FETCH_ALLOWED_HOSTS: metadataHosts.map(({ url }) => new URL(url).host).join(),
    };
  }

  /** Migrates an empty database. Starts no process. */
  static async prepare(database, ...metadataHosts) {
    return new Service(database, await openApplication(database.url), metadataHosts);
  }

  startApi() {
    return this.#start('api');
  }

  /** API and worker in one process: the default. */
  startAll(nodeOptions) {
    return this.#start('all', {}, nodeOptions);
  }

  startWorker(nodeOptions) {
    return this.#start('worker', {}, nodeOptions);
  }

  /** A worker with this fetch concurrency instead of the default. */
  startWorkerWithConcurrency(fetchConcurrency, nodeOptions) {
    return this.#start('worker', { FETCH_CONCURRENCY: String(fetchConcurrency) }, nodeOptions);
  }

  #start(runMode, more = {}, nodeOptions = []) {
    return Program.start(MAIN, {
      env: { ...this.#environment, RUN_MODE: runMode, ...more },
      nodeOptions: ['--enable-source-maps', ...nodeOptions],
    });
  }

  async addProject() {
    this.#collections += 1;
    const projects = this.#application.get(Projects);
    const { id } = await projects.createProject({
      name: 'Benchmark',
      ownerAddress: addressOf(this.#collections),
      limits: NO_LIMITS,
    });
    return { id, apiKey: await projects.createApiKey(id) };
  }

  /** A collection with registered tokens that have not been fetched. */
  async addCollection(project, metadataUrl, tokenIds, hostConcurrency = HOST_CONCURRENCY) {
    this.#collections += 1;
    const address = addressOf(this.#collections);
    const source = { kind: 'metadata_api', url: metadataUrl };
    const collection = await this.#application
      .get(Collections)
      .add({ chainId: 1, address, projectId: project.id, source, hostConcurrency });
    const store = this.#application.get(TokenStore);
    for (const chunk of chunks(tokenIds, REGISTRATION_BATCH_SIZE)) await store.registerTokens(collection.id, chunk);
    return { id: collection.id, address };
  }

  async hasUnfinished() {
    const [{ unfinished }] = await this.database.query(
      `select exists (select from nft_metadata.refreshes where completed_at is null) as unfinished`,
    );
    return unfinished;
  }

  async countPending() {
    const [{ pending }] = await this.database.query(
      `select coalesce(sum(total - succeeded - failed), 0)::int as pending
       from nft_metadata.refreshes where completed_at is null`,
    );
    return pending;
  }

  close() {
    return this.#application.close();
  }
}

/** Requests a refresh over HTTP. Returns its id. */
export async function requestRefresh(api, project, collection, tokenIds) {
  const response = await fetch(`${api.url}/v1/metadata-refreshes`, {
    method: 'POST',
    headers: { 'x-api-key': project.apiKey, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ collection_address: collection.address, token_ids: tokenIds }),
  });
  const body = await response.json();
  if (response.status !== 202)
    throw new Error(`the service responded with ${response.status}: ${JSON.stringify(body)}`);
  return body.refresh_id;
}

/** The status of a refresh, over HTTP. */
export async function readRefresh(api, project, refreshId) {
  const response = await fetch(`${api.url}/v1/metadata-refreshes/${refreshId}`, {
    headers: { 'x-api-key': project.apiKey, connection: 'close' },
  });
  return response.json();
}

function addressOf(number) {
  return `0x${number.toString(16).padStart(40, '0')}`;
}
