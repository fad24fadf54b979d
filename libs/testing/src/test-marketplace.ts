import { Projects } from '@app/project-auth';
import { Collections, TokenStore } from '@app/token-store';
import { MikroORM } from '@mikro-orm/postgresql';
import type { DynamicModule, INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MetadataHost } from './metadata-host.js';
import { refreshed, type Refreshed } from './refreshed.js';
import { randomWallet, signedHeaders, type SigningWallet } from './signed-headers.js';
import { TestPostgres, type TestDatabase } from './test-postgres.js';

/** What an application under test is started with. */
export interface TestMarketplaceSettings {
  /** An empty database of its own. */
  databaseUrl: string;
  /** Its `host` belongs to `safeHttp.allowedHosts`. */
  metadataHost: MetadataHost;
  /** Of the project and of its collection. */
  owner: SigningWallet;
}

/** How to start an application under test. */
export interface TestMarketplaceOptions {
  /**
   * The root module, or an application that was created from it and has its pipes, filters and prefix. Import the module here: it may
   * read its environment when it is imported.
   */
  app: (
    settings: TestMarketplaceSettings,
  ) => Promise<Type<unknown> | DynamicModule | INestApplication> | Type<unknown> | DynamicModule | INestApplication;
  /** Environment variables that the application reads. They are set before `app` is called, and have their old values after `stop`. */
  environment?: (settings: TestMarketplaceSettings) => Readonly<Record<string, string>>;
  /** Tokens of the collection that is registered. Default: 1, 2 and 3. */
  tokenIds?: readonly string[];
  /**
   * Registers a collection of an application that has projects of its own, with the owner and the URL of the metadata host. Returns its
   * address. Default: a project of `Projects`, with a collection on chain 1.
   */
  register?: (app: INestApplication, settings: TestMarketplaceSettings) => Promise<string>;
  /** Creates the tables, before the application is initialised. Default: the migrations of its MikroORM. */
  migrate?: (app: INestApplication) => Promise<unknown>;
  /** A server that several suites share. Default: one of its own. */
  postgres?: TestPostgres;
}

interface Parts {
  app: INestApplication;
  database: TestDatabase;
  collectionAddress: string;
}

/**
 * An application under test that embeds the module: on a migrated database of its own, with a metadata host, and with a collection
 * whose tokens can be refreshed. It serves `app.getHttpServer()`, and does not listen.
 */
export class TestMarketplace {
  private constructor(
    private readonly parts: Parts,
    private readonly settings: TestMarketplaceSettings,
    private readonly cleanUps: CleanUps,
  ) {}

  /** Throws what the application throws; nothing is left running then. */
  static async start(options: TestMarketplaceOptions): Promise<TestMarketplace> {
    const cleanUps = new CleanUps();
    try {
      const database = await createDatabase(options.postgres, cleanUps);
      const metadataHost = await MetadataHost.start();
      cleanUps.add(() => metadataHost.close());
      const settings = { databaseUrl: database.url, metadataHost, owner: randomWallet() };
      setVariables(options.environment?.(settings) ?? {}, cleanUps);
      const app = await createApp(await options.app(settings));
      cleanUps.add(() => app.close());
      await (options.migrate ?? migrate)(app);
      await initialise(app);
      const collectionAddress = await (options.register ?? register)(app, settings, options.tokenIds);
      return new TestMarketplace({ app, database, collectionAddress }, settings, cleanUps);
    } catch (error) {
      await cleanUps.run();
      throw error;
    }
  }

  get app(): INestApplication {
    return this.parts.app;
  }

  get database(): TestDatabase {
    return this.parts.database;
  }

  get metadataHost(): MetadataHost {
    return this.settings.metadataHost;
  }

  /** The owner of the project and of its collection. */
  get owner(): SigningWallet {
    return this.settings.owner;
  }

  get collectionAddress(): string {
    return this.parts.collectionAddress;
  }

  /** Like `refreshed`, for the collection: by default all its tokens. Moves the clock of the database to retries. */
  async refresh(tokenIds?: readonly string[]): Promise<Refreshed> {
    const { app, collectionAddress, database } = this.parts;
    return refreshed(app, { collectionAddress, clock: database.clock, ...(tokenIds && { tokenIds }) });
  }

  /** The headers of a request that the owner signs: see `signedHeaders`. */
  async signedHeaders(): Promise<Record<string, string>> {
    return signedHeaders(this.owner);
  }

  /** Closes the application and the metadata host, and removes the database. */
  async stop(): Promise<void> {
    await this.cleanUps.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The last one first. */
class CleanUps {
  private steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.steps.push(step);
  }

  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, errors.join('\n'));
  }
}

async function createDatabase(shared: TestPostgres | undefined, cleanUps: CleanUps): Promise<TestDatabase> {
  const postgres = shared ?? (await TestPostgres.start());
  if (!shared) cleanUps.add(() => postgres.stop());
  const database = await postgres.createDatabase();
  if (shared) cleanUps.add(() => database.drop());
  return database;
}

function setVariables(variables: Readonly<Record<string, string>>, cleanUps: CleanUps): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  cleanUps.add(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

async function createApp(given: Type<unknown> | DynamicModule | INestApplication): Promise<INestApplication> {
  if ('getHttpServer' in given) return given;
  return NestFactory.create(given, { abortOnError: false, logger: ['error', 'warn'] });
}

async function migrate(app: INestApplication): Promise<void> {
  await app.get(MikroORM, { strict: false }).migrator.up();
}

/** Fastify has its routes only when it is ready. */
async function initialise(app: INestApplication): Promise<void> {
  await app.init();
  if (app.getHttpAdapter().getType() === 'fastify')
    await (app.getHttpAdapter().getInstance() as { ready(): Promise<unknown> }).ready();
}

async function register(
  app: INestApplication,
  { metadataHost, owner }: TestMarketplaceSettings,
  tokenIds: readonly string[] = ['1', '2', '3'],
): Promise<string> {
  const { id: projectId } = await app.get(Projects).createProject({ name: 'Studio', ownerAddress: owner.address });
  const collection = { chainId: 1, address: randomWallet().address.toLowerCase(), projectId };
  const source = { kind: 'metadata_api' as const, url: metadataHost.url };
  const { id, address } = await app.get(Collections).add({ ...collection, source });
  await app.get(TokenStore).registerTokens(id, tokenIds);
  return address;
}
