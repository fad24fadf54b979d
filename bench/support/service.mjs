// The built service as it is deployed: processes with `RUN_MODE=api` and `RUN_MODE=worker` on one database.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { fileURLToPath } from 'node:url';
import { AppModule } from '../../dist/src/app.module.js';
import { readEnvironment } from '../../dist/src/config/environment.js';
import { migrate } from '../../dist/src/database/migrations.js';
import { onCleanUp } from './clean-up.mjs';
import { chunks } from './measure.mjs';
import { Program } from './processes.mjs';

const DIST = new URL('../../dist/', import.meta.url);
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
  #modules;
  #environment;
  #collections = 0;
  #dist;

  constructor(dist, database, application, modules, metadataHosts) {
    this.database = database;
    this.#dist = dist;
    this.#application = application;
    this.#modules = modules;
    this.#environment = {
      DATABASE_URL: database.url,
      PORT: '0',
      WORKERS: '1',
      FETCH_ALLOWED_HOSTS: metadataHosts.map(({ url }) => new URL(url).host).join(),
    };
  }

  /** Migrates an empty database. Starts no process. */
  static async prepare(database, ...metadataHosts) {
    const application = await openApplication(database.url);
    return new Service(DIST, database, application, await modulesOf(DIST), metadataHosts);
  }

  /** The same with the build of another checkout: `dist` is the URL of its folder. */
  static async prepareOther(dist, database, ...metadataHosts) {
    const [{ startService }, { readEnvironment: read }] = await Promise.all(
      ['src/start-service.js', 'src/config/environment.js'].map((path) => import(new URL(path, dist))),
    );
    const { app, stop } = await startService(
      read({ RUN_MODE: 'api', DATABASE_URL: database.url, PORT: '0', LOG_LEVEL: 'error' }),
    );
    onCleanUp(stop); // idempotent
    return new Service(dist, database, app, await modulesOf(dist), metadataHosts);
  }

  startApi(nodeOptions, variables = {}) {
    return this.#start('api', variables, nodeOptions);
  }

  /** API and worker in one process: the default. */
  startAll(nodeOptions, variables = {}) {
    return this.#start('all', variables, nodeOptions);
  }

  startWorker(nodeOptions) {
    return this.#start('worker', {}, nodeOptions);
  }

  /** A worker with this fetch concurrency instead of the default. */
  startWorkerWithConcurrency(fetchConcurrency, nodeOptions) {
    return this.#start('worker', { FETCH_CONCURRENCY: String(fetchConcurrency) }, nodeOptions);
  }

  #start(runMode, more = {}, nodeOptions = []) {
    return Program.start(fileURLToPath(new URL('src/main.js', this.#dist)), {
      env: { ...this.#environment, RUN_MODE: runMode, ...more },
      nodeOptions: ['--enable-source-maps', ...nodeOptions],
    });
  }

  async addProject() {
    this.#collections += 1;
    const projects = this.#application.get(this.#modules.Projects);
    const { id } = await projects.createProject({
      name: 'Benchmark',
      ownerAddress: addressOf(this.#collections),
      limits: NO_LIMITS,
    });
    return { id, apiKey: await projects.createApiKey(id) };
  }

  /** A collection with registered tokens that have not been fetched. */
  async addCollection(project, metadataUrl, tokenIds, hostConcurrency = HOST_CONCURRENCY, contract = {}) {
    this.#collections += 1;
    const { chainId = 1, address = addressOf(this.#collections) } = contract;
    const source = { kind: 'metadata_api', url: metadataUrl };
    const collection = await this.#application
      .get(this.#modules.Collections)
      .add({ chainId, address, projectId: project.id, source, hostConcurrency });
    const store = this.#application.get(this.#modules.TokenStore);
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
  return post(`${api.url}/v1/metadata-refreshes`, project, {
    collection_address: collection.address,
    token_ids: tokenIds,
  });
}

/** Requests a refresh of all tokens of a collection. Returns its id. */
export async function requestAll(api, project, collection) {
  return post(`${api.url}/v1/metadata-refreshes`, project, { collection_address: collection.address, all: true });
}

/** Posts something about a refresh. Returns the id of the refresh. */
export async function post(url, project, body) {
  return (await request(url, project, body, 'POST')).refresh_id;
}

/** The status of a refresh, over HTTP. */
export async function readRefresh(api, project, refreshId) {
  return request(`${api.url}/v1/metadata-refreshes/${refreshId}`, project);
}

/** A request of a project. Returns the body of the response. */
export async function request(url, project, body, method = body ? 'POST' : 'GET') {
  const response = await fetch(url, {
    method,
    headers: { 'x-api-key': project.apiKey, 'content-type': 'application/json', connection: 'close' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const result = await response.json();
  if (!response.ok) throw new Error(`${url} responded with ${response.status}: ${JSON.stringify(result)}`);
  return result;
}

async function modulesOf(dist) {
  const [{ Projects }, { Collections, TokenStore }] = await Promise.all(
    ['project-auth', 'token-store'].map((lib) => import(new URL(`libs/${lib}/src/index.js`, dist))),
  );
  return { Projects, Collections, TokenStore };
}

function addressOf(number) {
  return `0x${number.toString(16).padStart(40, '0')}`;
}
