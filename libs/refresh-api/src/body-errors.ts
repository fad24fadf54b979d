import type { AuthenticatedRequest } from '@app/project-auth';
import { Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { DialectRoutes } from './dialect-routes.js';
import type { DialectFilter } from './dialect.filter.js';
import type { HttpResponse } from './http-response.js';
import { patternOf, prefixesOf } from './route-patterns.js';
import { toHttpException } from './unreadable-request.js';

type ExpressRequest = AuthenticatedRequest & { path: string };

/** The part of Fastify that is used here. Applications on Express do not install it. */
interface Fastify {
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): void;
}
interface FastifyRoute {
  url: string;
  method: string | string[];
  bodyLimit?: number;
  errorHandler?: (error: unknown, request: AuthenticatedRequest, reply: HttpResponse) => Promise<unknown>;
}

/**
 * Errors in parsing a body or a path happen before Nest chooses a controller, so no exception filter sees them. On Express, an
 * error handler translates those on our paths and passes on all others. On Fastify, only our routes get an error handler.
 */
@Injectable()
export class BodyErrors {
  /** Of other modules. */
  private readonly added: { pattern: RegExp; filter: DialectFilter }[] = [];

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly routes: DialectRoutes,
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
  ) {}

  /** Adds all paths below one of another module. The module calls it in `configure`, before any route is registered. */
  translateBelow(module: Type, path: string, filter: DialectFilter): void {
    const prefixes = prefixesOf(module, this.application, this.modules);
    this.added.push(...prefixes.map((prefix) => ({ pattern: patternOf(prefix, `${path}/*path`), filter })));
  }

  /** Call it before any route is registered, because Fastify reports only later ones. */
  beforeRoutes(): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.getType() !== 'fastify') return;
    const taken = new Set<string>();
    httpAdapter.getInstance<Fastify>().addHook('onRoute', (route) => {
      const filter = this.filterAt(route.url);
      if (!filter) return;
      route.errorHandler ??= errorHandlerOf(filter);
      if (!this.routes.filterAt(route.url)) return;
      const limit = this.routes.maxBodyBytesAt(route.url);
      if (limit !== undefined) route.bodyLimit = limit;
      // A wildcard has a name on Express only.
      route.url = route.url.replace(/\*\w+$/, '*');
      leaveToEarlier(route, taken);
    });
  }

  /** Call it after all routes are registered and before the error handler of the host application. */
  afterRoutes(): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter?.getType() !== 'express') return;
    // Four parameters make it an error handler.
    httpAdapter.use(
      (error: unknown, request: ExpressRequest, response: HttpResponse, next: (error: unknown) => void) => {
        const exception = toHttpException(error);
        const filter = exception && this.filterAt(request.path);
        if (filter) void filter.reply(exception, request, response);
        else next(error);
      },
    );
  }

  private filterAt(path: string): DialectFilter | undefined {
    return this.routes.filterAt(path) ?? this.added.find(({ pattern }) => pattern.test(path))?.filter;
  }
}

/**
 * On Fastify, a route for all methods conflicts with earlier ones: it gets only the methods that they leave, as on Express.
 */
function leaveToEarlier(route: FastifyRoute, taken: Set<string>): void {
  const keyOf = (method: string) => `${method} ${route.url.replaceAll(/:[^/]+/g, ':')}`;
  if (Array.isArray(route.method)) route.method = route.method.filter((method) => !taken.has(keyOf(method)));
  for (const method of [route.method].flat()) taken.add(keyOf(method));
}

/** An error that it throws goes to the error handler of the host application. */
function errorHandlerOf(filter: DialectFilter): NonNullable<FastifyRoute['errorHandler']> {
  return async (error, request, reply) => {
    const exception = toHttpException(error);
    if (!exception) throw error;
    await filter.reply(exception, request, reply);
    return reply;
  };
}
