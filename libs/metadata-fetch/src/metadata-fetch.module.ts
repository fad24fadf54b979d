import { checkNames } from '@app/module-options';
import { ConfigurableModuleBuilder, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ChainRpc } from './chain/chain-rpc.js';
import { ContractDetailsReader } from './chain/contract-details.js';
import { ContractOwners } from './chain/contract-owners.js';
import { ContractTokens } from './chain/contract-tokens.js';
import { ContractSignatures } from './chain/contract-signatures.js';
import { ChainTokenUris } from './chain/chain-token-uris.js';
import { CollectionFetcher } from './collection-fetcher.js';
import { DocumentReader, READER_FILE, readerFile } from './document/document-reader.js';
import { PushedDocuments } from './document/pushed-documents.js';
import { HttpMetadataFetcher } from './http-metadata-fetcher.js';
import { TokenUriBudget } from './chain/token-uri-budget.js';
import { PictureFetcher } from './picture/picture-fetcher.js';
import { METADATA_FETCH_CONFIG, metadataFetchOptions, type MetadataFetchOptions } from './metadata-fetch.options.js';
import { MetadataFetcher } from './metadata-fetcher.js';
import { CollectionsMetadataSource, MetadataSource } from './metadata-source.js';

/** What `forRoot` and `forRootAsync` accept besides the options. */
export interface MetadataFetchExtras {
  /** Whether other modules can inject the exports without importing this module. Default: true. */
  isGlobal?: boolean;
  /** A provider for your own MetadataSource. */
  metadataSource?: Provider<MetadataSource>;
}

// setExtras treats every name that is missing here as an option.
const STANDARD_EXTRAS = { isGlobal: true, metadataSource: undefined };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<MetadataFetchOptions>({
  moduleName: 'MetadataFetch',
  optionsInjectionToken: Symbol('MetadataFetchOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<MetadataFetchExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames('MetadataFetchModule', module, given, {
      options: metadataFetchOptions.names,
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

/** Fetches the metadata of tokens. Needs SafeHttpModule, and no database. */
@Module({
  providers: [
    {
      provide: METADATA_FETCH_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: MetadataFetchOptions) => metadataFetchOptions.complete(given),
    },
    TokenUriBudget,
    { provide: READER_FILE, useValue: readerFile },
    DocumentReader,
    ChainRpc,
    ChainTokenUris,
    CollectionFetcher,
    ContractDetailsReader,
    ContractOwners,
    ContractSignatures,
    ContractTokens,
    PictureFetcher,
    PushedDocuments,
    { provide: MetadataFetcher, useClass: HttpMetadataFetcher },
  ],
  exports: [
    ChainRpc,
    CollectionFetcher,
    ContractOwners,
    ContractSignatures,
    ContractTokens,
    MetadataFetcher,
    PictureFetcher,
    PushedDocuments,
  ],
})
export class MetadataFetchModule extends ConfigurableModuleClass {
  static override forRoot(options: MetadataFetchOptions & MetadataFetchExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
