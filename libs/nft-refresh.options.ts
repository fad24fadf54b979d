import type { MetadataFetchExtras, MetadataFetchOptions } from '@app/metadata-fetch';
import type { MetadataRefreshOptions } from '@app/metadata-refresh';
import type { ProjectAuthExtras, ProjectAuthOptions } from '@app/project-auth';
import type { RefreshApiExtras, RefreshApiOptions } from '@app/refresh-api';
import type { TokenStoreExtras } from '@app/token-store';
import { z } from 'zod';

/** What tunes the libs, each by its own options. */
export interface NftRefreshOptions {
  projectAuth?: ProjectAuthOptions;
  metadataFetch?: MetadataFetchOptions;
  metadataRefresh?: MetadataRefreshOptions;
  refreshApi?: RefreshApiOptions;
}

/** What shapes them. */
export interface NftRefreshExtras extends ProjectAuthExtras, TokenStoreExtras, MetadataFetchExtras, RefreshApiExtras {
  /**
   * What this process does. `api`: the routes; what they accept waits for a worker. `worker`: refreshes, for any number of
   * `api` processes on the same database, and no routes. `all`, the default: both.
   */
  runMode?: 'all' | 'api' | 'worker';
}

const optionsShape = {
  projectAuth: z.unknown(),
  metadataFetch: z.unknown(),
  metadataRefresh: z.unknown(),
  refreshApi: z.unknown(),
};
const optionsSchema = z.strictObject(optionsShape).partial();

const extrasSchema = z
  .strictObject({
    runMode: z.enum(['all', 'api', 'worker']),
    isGlobal: z.boolean(),
    contextName: z.string().min(1),
    projectDirectory: z.unknown(),
    clock: z.unknown(),
    tokenStore: z.unknown(),
    metadataSource: z.unknown(),
    projectApiPath: z.unknown(),
    partnerApiPaths: z.unknown(),
    servesTokens: z.unknown(),
    servesCollections: z.unknown(),
    servesWebhooks: z.unknown(),
    decorators: z.unknown(),
  })
  .partial();

/** Throws an Error that names what is no option of any lib; each lib checks its own. */
export function checkOptions(options: NftRefreshOptions): NftRefreshOptions {
  check(optionsSchema, options);
  return options;
}

/** What shapes, and what tunes. Throws an Error that names each wrong one. */
export function splitOptions(given: NftRefreshOptions & NftRefreshExtras): [NftRefreshExtras, NftRefreshOptions] {
  const isOption = (name: string) => name in optionsShape;
  const extras = Object.fromEntries(Object.entries(given).filter(([name]) => !isOption(name)));
  const options = Object.fromEntries(Object.entries(given).filter(([name]) => isOption(name)));
  return [checkExtras(extras), options];
}

/** Throws an Error that names each wrong one. */
export function checkExtras(extras: NftRefreshExtras): NftRefreshExtras {
  check(extrasSchema, extras);
  return extras;
}

function check(schema: z.ZodType, value: unknown): void {
  const result = schema.safeParse(value);
  if (!result.success) throw new Error(`NftRefreshModule: wrong options.\n${z.prettifyError(result.error)}`);
}
