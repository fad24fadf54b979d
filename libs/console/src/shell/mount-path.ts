import { HttpAdapterHost } from '@nestjs/core';
import { pathOf, type HttpRequest } from '../http.js';

/** The name of the wildcard in our routes, which no route of the host application has. */
export const WILDCARD = 'nftRefreshConsolePath';

/** The part of Fastify that is used here. Applications on Express do not install it. */
interface Fastify {
  addHook(name: 'onRoute', hook: (route: { url: string }) => void): void;
}

/** On Fastify a wildcard has no name. Call it before any route is registered, because Fastify reports only later ones. */
export function nameNoWildcards({ httpAdapter }: HttpAdapterHost): void {
  if (httpAdapter?.getType() !== 'fastify') return;
  httpAdapter.getInstance<Fastify>().addHook('onRoute', (route) => {
    if (route.url.endsWith(`*${WILDCARD}`)) route.url = route.url.slice(0, -WILDCARD.length);
  });
}

interface RoutedRequest {
  /** Express. */
  route?: { path: string };
  /** Fastify. */
  routeOptions?: { url?: string };
}

/**
 * The path below that of the console, as the browser sent it: without decoding, since only the slashes of a URL count where a browser
 * resolves relative addresses. The route, which ends with a wildcard, tells how many segments the console's own path has.
 */
export function pathBelowMount(request: HttpRequest & RoutedRequest): string {
  const pattern = request.route?.path ?? request.routeOptions?.url ?? '';
  const segments = pattern.split('/').length - 1;
  return pathOf(request).split('/').slice(segments).join('/');
}
