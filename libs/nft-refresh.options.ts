import { chainEventsOptions, type ChainEventsOptions } from '@app/chain-events';
import { metadataFetchOptions, type MetadataFetchExtras, type MetadataFetchOptions } from '@app/metadata-fetch';
import { metadataRefreshOptions, type MetadataRefreshOptions } from '@app/metadata-refresh';
import { besideFactory, nearestName, unknownName, wrongOptions } from '@app/module-options';
import { projectAuthOptions, type ProjectAuthExtras, type ProjectAuthOptions } from '@app/project-auth';
import {
  refreshApiExtraNames,
  refreshApiOptions,
  type RefreshApiExtras,
  type RefreshApiOptions,
} from '@app/refresh-api';
import { safeHttpOptions, type SafeHttpOptions } from '@app/safe-http';
import type { TokenStoreExtras } from '@app/token-store';
import type { LoggerService } from '@nestjs/common';
import { z } from 'zod';

/** The options of each module. */
export interface NftRefreshOptions {
  projectAuth?: ProjectAuthOptions;
  safeHttp?: SafeHttpOptions;
  metadataFetch?: MetadataFetchOptions;
  metadataRefresh?: MetadataRefreshOptions;
  chainEvents?: ChainEventsOptions;
  refreshApi?: RefreshApiOptions;
  /**
   * The logger of all our modules in this process, also of those that you import separately. Each call has an object with `msg` and
   * fields, and the name of the part that logs. Default: Nest's, which your application may have replaced.
   */
  logger?: LoggerService;
}

type ModuleName = Exclude<keyof NftRefreshOptions, 'logger'>;

/** The extras of NftRefreshModule: which routes and providers the modules have. */
export interface NftRefreshExtras extends ProjectAuthExtras, TokenStoreExtras, MetadataFetchExtras, RefreshApiExtras {
  /**
   * What this process does. `api` serves the routes; accepted refreshes wait for a worker. `worker` has no routes, and refreshes for all
   * processes on the same database. `all`, the default, does both.
   */
  runMode?: 'all' | 'api' | 'worker';
  /**
   * Whether the worker starts and stops with the application, and expired refreshes are deleted once an hour. The watcher of chains
   * follows the same setting, if `chainEvents` has `enabled: true`. Default: true, unless `runMode` is `api`. With false, call
   * `RefreshWorker`, `RefreshRetention` and `ChainWatcher` on a schedule of your own.
   */
  runWorker?: boolean;
}

const extrasSchema = z
  .strictObject({
    runMode: z.enum(['all', 'api', 'worker']),
    runWorker: z.boolean(),
    isGlobal: z.boolean(),
    contextName: z.string().min(1),
    projectDirectory: z.unknown(),
    clock: z.unknown(),
    contractWallets: z.unknown(),
    tokenStore: z.unknown(),
    versionStore: z.unknown(),
    stagingStore: z.unknown(),
    metadataSource: z.unknown(),
    ...Object.fromEntries(refreshApiExtraNames.map((name) => [name, z.unknown()])),
  })
  .partial();

/** The option names of each module. */
const OPTIONS: Readonly<Record<ModuleName, readonly string[]>> = {
  projectAuth: projectAuthOptions.names,
  safeHttp: safeHttpOptions.names,
  metadataFetch: metadataFetchOptions.names,
  metadataRefresh: metadataRefreshOptions.names,
  chainEvents: chainEventsOptions.names,
  refreshApi: refreshApiOptions.names,
};
const EXTRAS = Object.keys(extrasSchema.shape);

/** Names that belong to another module. */
const ELSEWHERE: Readonly<Record<string, string>> = Object.fromEntries(
  ['metadataEvents', 'runDelivery'].map((name) => [
    name,
    `${name} belongs to MetadataEventsModule, which you import separately: MetadataEventsModule.forRoot({ … })`,
  ]),
);

const isGroup = (name: string): name is ModuleName => Object.hasOwn(OPTIONS, name);
const isOption = (name: string): name is keyof NftRefreshOptions => name === 'logger' || isGroup(name);

/** Separates extras from options. Throws an Error that names each wrong one. */
export function splitOptions(given: NftRefreshOptions & NftRefreshExtras): [NftRefreshExtras, NftRefreshOptions] {
  const extras = Object.fromEntries(Object.entries(given).filter(([name]) => !isOption(name)));
  const options = Object.fromEntries(Object.entries(given).filter(([name]) => isOption(name)));
  refuse([
    ...Object.keys(extras)
      .filter((name) => !EXTRAS.includes(name))
      .map((name) => ownerOf(name) ?? similarName(name, [...EXTRAS, 'logger', ...Object.keys(OPTIONS)])),
    ...misplacedIn(options),
    ...wrongLogger(options),
  ]);
  return [checkExtras(extras), options];
}

/** Checks the extras next to a factory. Throws an Error that names each wrong one. */
export function checkExtras(extras: NftRefreshExtras): NftRefreshExtras {
  refuse(
    Object.keys(extras)
      .filter((name) => !EXTRAS.includes(name))
      .map((name) => (isOption(name) ? besideFactory(name) : (ownerOf(name) ?? similarName(name, EXTRAS)))),
  );
  const result = extrasSchema.safeParse(extras);
  if (!result.success) refuse([z.prettifyError(result.error).replace(/^✖ /, '')]);
  return extras;
}

/** Checks what a factory returned. Throws an Error that names each unknown option. */
export function checkOptions(options: NftRefreshOptions): NftRefreshOptions {
  if (typeof options !== 'object' || options === null) {
    refuse([
      `the factory must return an object with options, and returned ${options === null ? 'null' : typeof options}`,
    ]);
  }
  refuse([
    ...Object.keys(options)
      .filter((name) => !isOption(name))
      .map((name) =>
        EXTRAS.includes(name)
          ? `${name} belongs next to the factory: forRootAsync({ ${name}: …, useFactory })`
          : (ownerOf(name) ?? similarName(name, Object.keys(OPTIONS))),
      ),
    ...misplacedIn(options),
    ...wrongLogger(options),
  ]);
  return options;
}

function wrongLogger({ logger }: NftRefreshOptions): string[] {
  if (logger === undefined) return [];
  const missing = (['log', 'warn', 'error'] as const).filter((level) => typeof logger?.[level] !== 'function');
  return missing.length === 0 ? [] : [`logger must be a LoggerService of Nest; it has no method ${missing.join(', ')}`];
}

/** Options in the group of another module. Each module itself refuses unknown names, and suggests similar ones. */
function misplacedIn(options: NftRefreshOptions): string[] {
  return Object.entries(options as Record<string, object | undefined>).flatMap(([group, values]) =>
    Object.keys(values ?? {})
      .filter((name) => isGroup(group) && !OPTIONS[group].includes(name))
      .flatMap((name) => {
        if (EXTRAS.includes(name))
          return [`${name} belongs next to ${group}, not inside it: { ${name}: …, ${group}: … }`];
        return ownerOf(name) ?? [];
      }),
  );
}

/** The message for an option that belongs to another module. */
function ownerOf(name: string): string | undefined {
  if (Object.hasOwn(ELSEWHERE, name)) return ELSEWHERE[name];
  const groups = Object.keys(OPTIONS).filter((group) => isGroup(group) && OPTIONS[group].includes(name));
  if (groups.length === 0) return undefined;
  return `${name} belongs to ${groups.join(' or ')}: { ${groups[0]}: { ${name}: … } }`;
}

/** The message for an unknown name, which may be a typo of another module's option. */
function similarName(name: string, here: readonly string[]): string {
  const nearest = nearestName(name, [...here, ...Object.values(OPTIONS).flat()]);
  if (nearest === undefined || here.includes(nearest)) return unknownName(name, here);
  return `${name} is not an option; did you mean ${nearest}? ${ownerOf(nearest)}`;
}

function refuse(mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw wrongOptions('NftRefreshModule', mistakes);
}
