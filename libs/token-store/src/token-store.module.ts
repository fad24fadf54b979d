import { MikroOrmModule } from '@mikro-orm/nestjs';
import { ConfigurableModuleBuilder, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Collection } from './collection.entity.js';
import { Collections } from './collections.js';
import { DatabaseTokenStore } from './database-token-store.js';
import { MetadataWriter } from './metadata-writer.js';
import { TokenStore } from './token-store.js';
import { TraitIndex } from './trait-index.js';
import { TraitRecount } from './trait-recount.js';

/** What shapes the module. There is nothing to tune. */
export interface TokenStoreExtras {
  /** Whether modules that do not import this one can inject what it exports. On. */
  isGlobal?: boolean;
  /** A provider for TokenStore, for a host that keeps token records in a table of its own. */
  tokenStore?: Provider<TokenStore>;
}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<object>({
  moduleName: 'TokenStore',
  optionsInjectionToken: Symbol('TokenStoreOptions'),
})
  .setClassMethodName('forRoot')
  // What is not named here would be taken for an option.
  .setExtras<TokenStoreExtras>({ isGlobal: true, tokenStore: undefined }, (module, extras) => ({
    ...module,
    global: extras.isGlobal ?? true,
    providers: [
      ...(module.providers ?? []),
      extras.tokenStore ?? { provide: TokenStore, useClass: DatabaseTokenStore },
    ],
  }))
  .build();

/** Collections, token records, traits. Tables in the schema `nft_metadata`, in the host's own MikroORM connection. */
@Module({
  imports: [MikroOrmModule.forFeature([Collection])],
  providers: [Collections, MetadataWriter, TraitIndex, TraitRecount],
  exports: [Collections, TokenStore, TraitRecount],
})
export class TokenStoreModule extends ConfigurableModuleClass {
  static override forRoot(options: TokenStoreExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
