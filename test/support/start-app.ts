import { ConsoleLogger, type INestApplication, type INestApplicationContext } from '@nestjs/common';
import type { UriRule } from '@app/metadata-fetch';
import { AttemptCounts, RefreshWorker } from '@app/metadata-refresh';
import { Projects, type ProjectLimits } from '@app/project-auth';
import { MetadataHost } from '@app/testing';
import { Collections, TokenStore } from '@app/token-store';
import { Test, type TestingModule } from '@nestjs/testing';
import { Wallet, HDNodeWallet } from 'ethers';
import { readEnvironment } from '../../src/config/environment.js';
import { AppModule, type AppOptions } from '../../src/app.module.js';
import { createDatabase, type TestDatabase } from './database.js';

export interface TestApp {
  app: INestApplication;
  worker: RefreshWorker;
  database: TestDatabase;
  metadataApi: MetadataHost;
  /** A project with a wallet, an API key, a high rate limit, and a collection whose Metadata API is `metadataApi`. */
  aProject(options?: {
    tokens?: readonly string[];
    limits?: Partial<ProjectLimits>;
    metadataUrl?: string;
    /** Of the collection; 1 when absent. */
    chainId?: number;
    /** Its contract, from which token URIs are read unless there is a `metadataUrl`. */
    contract?: { chainId: number; address: string; uriRule?: UriRule };
  }): Promise<TestProject>;
  /** A second worker that shares only the database with `worker`, as in another process. */
  anotherWorker(): Promise<RefreshWorker>;
  /** A second instance of the application, as in another process. */
  anotherProcess(): Promise<TestingModule>;
  revokeApiKey(project: TestProject): Promise<void>;
  stop(): Promise<void>;
}

export interface TestProject {
  id: string;
  wallet: HDNodeWallet;
  apiKey: string;
  collectionId: string;
  collectionAddress: string;
}

/** Starts the application with its own database and Metadata API. The worker runs only on command of the test. */
export async function startApp(
  options: AppOptions = {},
  {
    otherHosts = [],
    templateUrl,
    variables = {},
  }: {
    otherHosts?: readonly { host: string }[];
    templateUrl?: string | undefined;
    /** More of the environment. */
    variables?: Readonly<Record<string, string>>;
  } = {},
): Promise<TestApp> {
  const database = await createDatabase(templateUrl);
  const metadataApi = await MetadataHost.start();
  const environment = readEnvironment({
    RUN_MODE: 'api',
    FETCH_ALLOWED_HOSTS: [metadataApi, ...otherHosts].map(({ host }) => host).join(','),
    DATABASE_URL: database.url,
    ...variables,
  });
  const compile = () =>
    Test.createTestingModule({
      imports: [AppModule.forRoot({ ...environment, databaseUrl: database.url }, options)],
    }).compile();
  const testing = await compile();
  const others: TestingModule[] = [];
  const app = testing.createNestApplication({ logger: new ConsoleLogger({ logLevels: ['fatal'] }) });
  await app.init();
  const anotherProcess = async () => {
    const other = await compile();
    other.useLogger(false);
    await other.init();
    others.push(other);
    return other;
  };

  return {
    app,
    worker: app.get(RefreshWorker),
    database,
    metadataApi,
    aProject: (options) => aProject(app, metadataApi, options),
    anotherWorker: async () => (await anotherProcess()).get(RefreshWorker),
    anotherProcess,
    async revokeApiKey({ id, apiKey }) {
      await app.get(Projects).revokeApiKey(id, apiKey.split('_')[1]!);
    },
    async stop() {
      for (const other of others) await other.close();
      await app.close();
      await metadataApi.close();
      await database.drop();
    },
  };
}

/** The number of requests to metadata hosts, according to the metrics of the process. */
export function countMetadataRequests(process: INestApplicationContext): number {
  const counts = process.get(AttemptCounts).read();
  return counts.reduce((sum, { count }) => sum + count, 0);
}

async function aProject(
  app: INestApplication,
  metadataApi: MetadataHost,
  {
    tokens = [],
    limits = {},
    metadataUrl,
    chainId = 1,
    contract,
  }: NonNullable<Parameters<TestApp['aProject']>[0]> = {},
): Promise<TestProject> {
  const wallet = Wallet.createRandom();
  const projects = app.get(Projects);
  const project = await projects.createProject({
    name: 'Studio',
    ownerAddress: wallet.address,
    limits: { requestsPerSecond: 1000, ...limits },
  });
  const collectionAddress = (contract?.address ?? Wallet.createRandom().address).toLowerCase();
  const collection = await app.get(Collections).add({
    chainId: contract?.chainId ?? chainId,
    address: collectionAddress,
    projectId: project.id,
    source:
      contract && metadataUrl === undefined
        ? { kind: 'chain', uriRule: contract.uriRule ?? null }
        : { kind: 'metadata_api', url: metadataUrl ?? `${metadataApi.url}/${collectionAddress}` },
  });
  await app.get(TokenStore).registerTokens(collection.id, tokens);
  return {
    id: project.id,
    wallet,
    apiKey: await projects.createApiKey(project.id),
    collectionId: collection.id,
    collectionAddress,
  };
}
