import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { DocumentReader } from './document-reader.js';
import { GuardedHttp } from './guarded-http.js';
import { HttpMetadataFetcher } from './http-metadata-fetcher.js';
import { completeConfig, METADATA_FETCH_CONFIG, type MetadataFetchOptions } from './metadata-fetch.options.js';
import { MetadataFetcher } from './metadata-fetcher.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<MetadataFetchOptions>({
  moduleName: 'MetadataFetch',
})
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: true }, (module, extras) => ({ ...module, global: extras.isGlobal }))
  .build();

/** From a token to its metadata. No database. */
@Module({
  providers: [
    { provide: METADATA_FETCH_CONFIG, inject: [MODULE_OPTIONS_TOKEN], useFactory: completeConfig },
    GuardedHttp,
    DocumentReader,
    { provide: MetadataFetcher, useClass: HttpMetadataFetcher },
  ],
  exports: [MetadataFetcher],
})
export class MetadataFetchModule extends ConfigurableModuleClass {}
