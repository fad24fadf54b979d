import { checkNames } from '@app/module-options';
import { ConfigurableModuleBuilder, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ChainTokenUris } from './chain/chain-token-uris.js';
import { DocumentReader } from './document/document-reader.js';
import { HttpMetadataFetcher } from './http-metadata-fetcher.js';
import { TokenUriBudget } from './chain/token-uri-budget.js';
import {
  completeConfig,
  METADATA_FETCH_CONFIG,
  METADATA_FETCH_OPTION_NAMES,
  type MetadataFetchOptions,
} from './metadata-fetch.options.js';
import { MetadataFetcher } from './metadata-fetcher.js';
import { CollectionsMetadataSource, MetadataSource } from './metadata-source.js';

/** What shapes the module. */
export interface MetadataFetchExtras {
  /** Whether modules that do not import this one can inject what it exports. On. */
  isGlobal?: boolean;
  /** A provider for MetadataSource, for a host that knows better where a token's metadata is. */
  metadataSource?: Provider<MetadataSource>;
}

// What is not named here would be taken for an option.
const STANDARD_EXTRAS = { isGlobal: true, metadataSource: undefined };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<MetadataFetchOptions>({
  moduleName: 'MetadataFetch',
  optionsInjectionToken: Symbol('MetadataFetchOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<MetadataFetchExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames('MetadataFetchModule', module, given, {
      options: METADATA_FETCH_OPTION_NAMES,
      extras: Object.keys(STANDARD_EXTRAS),
    });
    return {
      ...module,
      global: given.isGlobal ?? true,
      providers: [
        ...(module.providers ?? []),
        given.metadataSource ?? { provide: MetadataSource, useClass: CollectionsMetadataSource },
      ],
    };
  })
  .build();

/** From a token to its metadata. No database. Needs SafeHttpModule. */
@Module({
  providers: [
    { provide: METADATA_FETCH_CONFIG, inject: [MODULE_OPTIONS_TOKEN], useFactory: completeConfig },
    TokenUriBudget,
    DocumentReader,
    ChainTokenUris,
    { provide: MetadataFetcher, useClass: HttpMetadataFetcher },
  ],
  exports: [MetadataFetcher],
})
export class MetadataFetchModule extends ConfigurableModuleClass {
  /** The names of all options, without what shapes the module. */
  static readonly optionNames = METADATA_FETCH_OPTION_NAMES;

  static override forRoot(options: MetadataFetchOptions & MetadataFetchExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
