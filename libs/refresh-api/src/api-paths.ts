import { MODULE_PATH } from '@nestjs/common/constants.js';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Type } from '@nestjs/common';
import type { RefreshApiExtras } from './refresh-api.options.js';

const PROJECT_ROUTES = ['metadata-refreshes(/.*)?', 'limits(/.*)?', 'reveals(/.*)?'];
const TOKEN_ROUTES = [
  'collections/[^/]+/metadata(/.*)?',
  'collections/[^/]+/traits(/.*)?',
  'collections/[^/]+/tokens/.*',
];
const COLLECTION_ROUTES = ['collections', 'collections/[^/]+', 'collections/[^/]+/tokens', 'collections/[^/]+/refresh'];
const WEBHOOK_ROUTES = ['webhooks(/.*)?'];
const ZKEVM_ROUTES = ['chains(/.*)?'];
/** Their bodies may be larger than others. */
const PUSH_ROUTES = ['chains/[^/]+/collections/[^/]+/((nfts|metadata)/)?refresh-metadata'];
const PARTNER_ROUTES = ['collections/[^/]+/refresh_metadata(/.*)?'];

/** For a base path that belongs to this API alone. */
const ALL_ROUTES = ['.*'];

export interface ApiPaths {
  isOfProjectApi: (path: string) => boolean;
  isOfPartnerApi: (path: string) => boolean;
  isOfZkevmApi: (path: string) => boolean;
  /** Of the zkEVM API, whether metadata is pushed there. */
  isPush: (path: string) => boolean;
}

/** Tells which paths belong to our controllers, below the prefixes of the host application. */
export function apiPathsOf(
  {
    projectApiPath,
    ownsProjectApiPath,
    partnerApiPaths,
    zkevmApiPath,
    exposeTokenRoutes,
    exposeCollectionRoutes,
    exposeWebhookRoutes,
  }: Required<RefreshApiExtras>,
  prefixes: readonly string[],
): ApiPaths {
  const someRoutes = [
    ...PROJECT_ROUTES,
    ...(exposeTokenRoutes ? TOKEN_ROUTES : []),
    ...(exposeCollectionRoutes ? COLLECTION_ROUTES : []),
    ...(exposeWebhookRoutes ? WEBHOOK_ROUTES : []),
  ];
  const projectRoutes = ownsProjectApiPath ? ALL_ROUTES : someRoutes;
  const projectPaths = projectApiPath === false ? [] : patternsOf(prefixes, projectApiPath, projectRoutes);
  const partnerPaths = partnerApiPaths.flatMap((base) =>
    patternsOf(prefixes, base, base === '' ? PARTNER_ROUTES : ALL_ROUTES),
  );
  const belowZkevmPath = (routes: readonly string[]) =>
    zkevmApiPath === false ? [] : patternsOf(prefixes, zkevmApiPath, routes);
  return {
    isOfProjectApi: isOneOf(projectPaths),
    isOfPartnerApi: isOneOf(partnerPaths),
    isOfZkevmApi: isOneOf(belowZkevmPath(ZKEVM_ROUTES)),
    isPush: isOneOf(belowZkevmPath(PUSH_ROUTES)),
  };
}

function isOneOf(patterns: readonly RegExp[]): (path: string) => boolean {
  return (path) => patterns.some((pattern) => pattern.test(path));
}

/** The prefixes of a module's paths in the host application: the global prefix, unless excluded, and the path of RouterModule. */
export function prefixesOf(module: Type, application: ApplicationConfig, modules: ModulesContainer): string[] {
  const [key, keyOfAll] = [MODULE_PATH + modules.applicationId, MODULE_PATH];
  const modulePath = String(Reflect.getMetadata(key, module) ?? Reflect.getMetadata(keyOfAll, module) ?? '');
  const isEverywhere = !application.getGlobalPrefixOptions().exclude?.length;
  const prefixes = [application.getGlobalPrefix(), ...(isEverywhere ? [] : [''])];
  return prefixes.map((prefix) => `${prefix}/${modulePath}`);
}

/** Case-insensitive, as in Express. ALL_ROUTES includes the base path itself. */
function patternsOf(prefixes: readonly string[], base: string, routes: readonly string[]): RegExp[] {
  return prefixes.flatMap((prefix) => {
    const start = segmentsOf(prefix, base)
      .map((segment) => `/${segment.startsWith(':') ? '[^/]+' : segment.replaceAll(/[^a-z0-9_-]/gi, String.raw`\$&`)}`)
      .join('');
    if (routes === ALL_ROUTES) return [new RegExp(`^${start}(/.*)?$`, 'i')];
    return routes.map((route) => new RegExp(`^${start}/${route}/?$`, 'i'));
  });
}

/** Fastify routes for a base path and everything below it. Fastify prefers more specific routes. */
export function routesBelow(prefixes: readonly string[], base: string): string[] {
  return prefixes.flatMap((prefix) => {
    const whole = segmentsOf(prefix, base).join('/');
    return whole === '' ? ['/', '/*'] : [`/${whole}`, `/${whole}/*`];
  });
}

function segmentsOf(prefix: string, base: string): string[] {
  return `${prefix}/${base}`.split('/').filter(Boolean);
}
