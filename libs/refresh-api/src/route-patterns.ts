import { MODULE_PATH, PATH_METADATA } from '@nestjs/common/constants.js';
import type { Type } from '@nestjs/common';
import { MetadataScanner, type ApplicationConfig, type ModulesContainer } from '@nestjs/core';

/** The paths of a controller, with names for what may be any text: `v1/collections/:address`, and `v1/*path` for all below. */
export function routesOf(controller: Type<unknown>): string[] {
  const prototype = controller.prototype as Record<string, object>;
  const start = String(Reflect.getMetadata(PATH_METADATA, controller) ?? '');
  const routes = new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
    const paths = (Reflect.getMetadata(PATH_METADATA, prototype[name]!) ?? []) as string | readonly string[];
    return [paths].flat().map((path) => segmentsOf(start, path).join('/'));
  });
  return [...new Set(routes)];
}

/** The prefixes of a module's paths in the host application: the global prefix, unless excluded, and the path of RouterModule. */
export function prefixesOf(module: Type, application: ApplicationConfig, modules: ModulesContainer): string[] {
  const [key, keyOfAll] = [MODULE_PATH + modules.applicationId, MODULE_PATH];
  const modulePath = String(Reflect.getMetadata(key, module) ?? Reflect.getMetadata(keyOfAll, module) ?? '');
  const isEverywhere = !application.getGlobalPrefixOptions().exclude?.length;
  const prefixes = [application.getGlobalPrefix(), ...(isEverywhere ? [] : [''])];
  return prefixes.map((prefix) => `${prefix}/${modulePath}`);
}

/** Case-insensitive, as in Express. `*path` matches everything below, and the path itself. */
export function patternOf(prefix: string, route: string): RegExp {
  const segments = segmentsOf(prefix, route);
  const isWide = segments.at(-1)?.startsWith('*') ?? false;
  const start = (isWide ? segments.slice(0, -1) : segments)
    .map((segment) => `/${segment.startsWith(':') ? '[^/]+' : segment.replaceAll(/[^a-z0-9_-]/gi, String.raw`\$&`)}`)
    .join('');
  return new RegExp(`^${start}${isWide ? '(/.*)?' : '/?'}$`, 'i');
}

/** Fastify routes for a base path and everything below it. Fastify prefers more specific routes. */
export function routesBelow(prefixes: readonly string[], base: string): string[] {
  return prefixes.flatMap((prefix) => {
    const whole = segmentsOf(prefix, base).join('/');
    return whole === '' ? ['/', '/*'] : [`/${whole}`, `/${whole}/*`];
  });
}

export function segmentsOf(prefix: string, route: string): string[] {
  return `${prefix}/${route}`.split('/').filter(Boolean);
}
