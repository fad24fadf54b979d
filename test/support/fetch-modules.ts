import { MetadataFetchModule, type MetadataFetchExtras, type MetadataFetchOptions } from '@app/metadata-fetch';
import { SafeHttpModule, safeHttpOptions, type SafeHttpOptions } from '@app/safe-http';
import type { DynamicModule } from '@nestjs/common';

/** The options of both modules. */
export type FetchOptions = SafeHttpOptions & MetadataFetchOptions & MetadataFetchExtras;

/** The fetch module and the HTTP module that it needs. */
export function fetchModules(options: FetchOptions = {}): DynamicModule[] {
  const isHttp = ([name]: [string, unknown]) => safeHttpOptions.names.includes(name);
  const entries = Object.entries(options);
  return [
    SafeHttpModule.forRoot(Object.fromEntries(entries.filter(isHttp))),
    MetadataFetchModule.forRoot(Object.fromEntries(entries.filter((entry) => !isHttp(entry)))),
  ];
}
