import { MetadataFetchModule, type MetadataFetchExtras, type MetadataFetchOptions } from '@app/metadata-fetch';
import { MetadataRefreshModule, type MetadataRefreshOptions } from '@app/metadata-refresh';
import { besideFactory, nearestName, unknownName, wrongOptions } from '@app/module-options';
import { ProjectAuthModule, type ProjectAuthExtras, type ProjectAuthOptions } from '@app/project-auth';
import { RefreshApiModule, type RefreshApiExtras, type RefreshApiOptions } from '@app/refresh-api';
import { SafeHttpModule, type SafeHttpOptions } from '@app/safe-http';
import type { TokenStoreExtras } from '@app/token-store';
import { z } from 'zod';

/** What tunes the libs, each by its own options. */
export interface NftRefreshOptions {
  projectAuth?: ProjectAuthOptions;
  safeHttp?: SafeHttpOptions;
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
    ownsProjectApiPath: z.unknown(),
    partnerApiPaths: z.unknown(),
    exposeTokenRoutes: z.unknown(),
    exposeCollectionRoutes: z.unknown(),
    exposeWebhookRoutes: z.unknown(),
    decorators: z.unknown(),
  })
  .partial();

/** Each lib's own options, by the name that they have here. */
const OPTIONS: Readonly<Record<keyof NftRefreshOptions, readonly string[]>> = {
  projectAuth: ProjectAuthModule.options.names,
  safeHttp: SafeHttpModule.options.names,
  metadataFetch: MetadataFetchModule.options.names,
  metadataRefresh: MetadataRefreshModule.options.names,
  refreshApi: RefreshApiModule.options.names,
};
const EXTRAS = Object.keys(extrasSchema.shape);

/** Names of other set-ups, which one might look for here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  runWorker: "runWorker is decided by runMode here: 'api' starts no worker",
  ...Object.fromEntries(
    ['metadataEvents', 'runDelivery'].map((name) => [
      name,
      `${name} belongs to MetadataEventsModule, which is imported beside this one: MetadataEventsModule.forRoot({ … })`,
    ]),
  ),
};

const isGroup = (name: string): name is keyof NftRefreshOptions => Object.hasOwn(OPTIONS, name);

/** What shapes, and what tunes, of all that `forRoot` was given. Throws an Error that names each wrong one. */
export function splitOptions(given: NftRefreshOptions & NftRefreshExtras): [NftRefreshExtras, NftRefreshOptions] {
  const extras = Object.fromEntries(Object.entries(given).filter(([name]) => !isGroup(name)));
  const options = Object.fromEntries(Object.entries(given).filter(([name]) => isGroup(name)));
  refuse([
    ...Object.keys(extras)
      .filter((name) => !EXTRAS.includes(name))
      .map((name) => ownerOf(name) ?? similarName(name, [...EXTRAS, ...Object.keys(OPTIONS)])),
    ...misplacedIn(options),
  ]);
  return [checkExtras(extras), options];
}

/** What stands beside a factory. Throws an Error that names each wrong one. */
export function checkExtras(extras: NftRefreshExtras): NftRefreshExtras {
  refuse(
    Object.keys(extras)
      .filter((name) => !EXTRAS.includes(name))
      .map((name) => (isGroup(name) ? besideFactory(name) : (ownerOf(name) ?? similarName(name, EXTRAS)))),
  );
  const result = extrasSchema.safeParse(extras);
  if (!result.success) refuse([z.prettifyError(result.error).replace(/^✖ /, '')]);
  return extras;
}

/** What a factory has returned. Throws an Error that names what is no option of any lib. */
export function checkOptions(options: NftRefreshOptions): NftRefreshOptions {
  if (typeof options !== 'object' || options === null) {
    refuse([
      `the factory has to return an object with options, and returned ${options === null ? 'null' : typeof options}`,
    ]);
  }
  refuse([
    ...Object.keys(options)
      .filter((name) => !isGroup(name))
      .map((name) =>
        EXTRAS.includes(name)
          ? `${name} stands beside the factory: forRootAsync({ ${name}: …, useFactory })`
          : (ownerOf(name) ?? similarName(name, Object.keys(OPTIONS))),
      ),
    ...misplacedIn(options),
  ]);
  return options;
}

/** What stands in the group of another lib. What is no option of any lib is left to the lib, which knows what is similar. */
function misplacedIn(options: NftRefreshOptions): string[] {
  return Object.entries(options as Record<string, object | undefined>).flatMap(([group, values]) =>
    Object.keys(values ?? {})
      .filter((name) => isGroup(group) && !OPTIONS[group].includes(name))
      .flatMap((name) => {
        if (EXTRAS.includes(name))
          return [`${name} stands beside ${group}, and not in it: { ${name}: …, ${group}: … }`];
        return ownerOf(name) ?? [];
      }),
  );
}

/** What to say of an option that a lib has under another name than the one it was written under. */
function ownerOf(name: string): string | undefined {
  if (Object.hasOwn(ELSEWHERE, name)) return ELSEWHERE[name];
  const groups = Object.keys(OPTIONS).filter((group) => isGroup(group) && OPTIONS[group].includes(name));
  if (groups.length === 0) return undefined;
  return `${name} belongs to ${groups.join(' or ')}: { ${groups[0]}: { ${name}: … } }`;
}

/** What to say of a name that nobody has: it may be a slip in one that belongs to a lib. */
function similarName(name: string, here: readonly string[]): string {
  const nearest = nearestName(name, [...here, ...Object.values(OPTIONS).flat()]);
  if (nearest === undefined || here.includes(nearest)) return unknownName(name, here);
  return `${name} is not an option; did you mean ${nearest}? ${ownerOf(nearest)}`;
}

function refuse(mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw wrongOptions('NftRefreshModule', mistakes);
}
