import { entityManagerOf } from '@app/database';
import { checkNames } from '@app/module-options';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { ConfigurableModuleBuilder, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Collection } from './collection.entity.js';
import { CollectionProfiles } from './collection-profiles.js';
import { CollectionRemoval } from './collection-removal.js';
import { Collections } from './collections.js';
import { DatabaseTokenStore } from './database-token-store.js';
import { DatabaseVersionStore } from './database-version-store.js';
import { MetadataWriter } from './metadata-writer.js';
import { NoVersionStore } from './no-version-store.js';
import { DatabaseStagingStore } from './staging/database-staging-store.js';
import { NoStagingStore } from './staging/no-staging-store.js';
import { StagingStore } from './staging/staging-store.js';
import { TokenSearch } from './search/token-search.js';
import { SearchIndex } from './search/search-index.js';
import { Stacks } from './stacks/stacks.js';
import { StackWriter } from './stacks/stack-writer.js';
import { TokenRegistration } from './token-registration.js';
import { TokenRemoval } from './token-removal.js';
import { TokenStore } from './token-store.js';
import { TraitIndex } from './trait-index.js';
import { TraitRecount } from './trait-recount.js';
import { VersionRetention } from './version-retention.js';
import { VersionStore } from './version-store.js';

/** Extras of the module. It has no options. */
export interface TokenStoreExtras {
  /** Whether other modules can inject the exports without importing this module. Default: true. */
  isGlobal?: boolean;
  /**
   * The name of the host application's MikroORM connection to the database with our tables. Default: the connection
   * without a name.
   */
  contextName?: string | undefined;
  /**
   * A provider for your own TokenStore, if your application has its own table of token records. It can inject your own
   * classes.
   */
  tokenStore?: Provider<TokenStore>;
  /** A provider for the versions of the records in your own TokenStore. Without it, they have none. */
  versionStore?: Provider<VersionStore>;
  /** A provider for documents that reveals of the records in your own TokenStore stage. Without it, there are no reveals. */
  stagingStore?: Provider<StagingStore>;
}

const NAME = 'TokenStoreModule';
// setExtras treats every name that is missing here as an option.
const STANDARD_EXTRAS = {
  isGlobal: true,
  contextName: undefined,
  tokenStore: undefined,
  versionStore: undefined,
  stagingStore: undefined,
};
const ENTITIES = [Collection];

const GIVEN_TOKEN_STORE = Symbol('GivenTokenStore');
const GIVEN_VERSION_STORE = Symbol('GivenVersionStore');
const GIVEN_STAGING_STORE = Symbol('GivenStagingStore');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<object>({
  moduleName: 'TokenStore',
  optionsInjectionToken: Symbol('TokenStoreOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<TokenStoreExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames(NAME, module, given, { options: [], extras: Object.keys(STANDARD_EXTRAS) });
    const { isGlobal = true, contextName, tokenStore, versionStore, stagingStore } = given;
    // Registers the entities for `autoLoadEntities`. The module that it returns has repositories, which are not needed.
    MikroOrmModule.forFeature(ENTITIES, contextName);
    return {
      ...module,
      global: isGlobal,
      imports: [
        ...(module.imports ?? []),
        ...(tokenStore ? [givenByHost(GIVEN_TOKEN_STORE, tokenStore, module.imports)] : []),
        ...(versionStore ? [givenByHost(GIVEN_VERSION_STORE, versionStore, module.imports)] : []),
        ...(stagingStore ? [givenByHost(GIVEN_STAGING_STORE, stagingStore, module.imports)] : []),
      ],
      providers: [
        ...(module.providers ?? []),
        entityManagerOf({ module: NAME, contextName, entities: ENTITIES }),
        tokenStore
          ? { provide: TokenStore, useExisting: GIVEN_TOKEN_STORE }
          : { provide: TokenStore, useClass: DatabaseTokenStore },
        versionStore
          ? { provide: VersionStore, useExisting: GIVEN_VERSION_STORE }
          : { provide: VersionStore, useClass: tokenStore ? NoVersionStore : DatabaseVersionStore },
        stagingStore
          ? { provide: StagingStore, useExisting: GIVEN_STAGING_STORE }
          : { provide: StagingStore, useClass: tokenStore ? NoStagingStore : DatabaseStagingStore },
      ],
    };
  })
  .build();

/** Collections, token records and traits. The tables are in the schema `nft_metadata` of the host application's database. */
@Module({
  providers: [
    CollectionProfiles,
    CollectionRemoval,
    Collections,
    MetadataWriter,
    TokenSearch,
    SearchIndex,
    Stacks,
    StackWriter,
    TokenRegistration,
    TokenRemoval,
    TraitIndex,
    TraitRecount,
    VersionRetention,
  ],
  exports: [
    CollectionProfiles,
    Collections,
    Stacks,
    StackWriter,
    StagingStore,
    TokenSearch,
    TokenStore,
    TraitRecount,
    VersionStore,
  ],
})
export class TokenStoreModule extends ConfigurableModuleClass {
  static override forRoot(options: TokenStoreExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}

/** Provides the class in a module of its own, where an injected EntityManager is that of the host application. */
function givenByHost(
  token: symbol,
  provider: Provider<TokenStore> | Provider<VersionStore> | Provider<StagingStore>,
  imports: DynamicModule['imports'] = [],
): DynamicModule {
  return {
    module: class GivenStoreModule {},
    imports,
    providers: [{ ...provider, provide: token } as Provider],
    exports: [token],
  };
}
