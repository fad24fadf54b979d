import type { AuthenticatedRequest } from '@app/project-auth';
import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { DialectFilter } from './dialect.filter.js';
import type { HttpResponse } from './http-response.js';
import { apiPathsOf, prefixesOf, type ApiPaths } from './api-paths.js';
import { PartnerApiFilter } from './partner-api/partner-api.filter.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from './refresh-api.options.js';
import { toHttpException } from './unreadable-request.js';
import { MAX_PUSH_BYTES } from './zkevm-api/push-bodies.js';
import { ZkevmApiFilter } from './zkevm-api/zkevm-api.filter.js';

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
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
    private readonly projectApi: ProjectApiFilter,
    private readonly partnerApi: PartnerApiFilter,
    private readonly zkevmApi: ZkevmApiFilter,
    @Inject(REFRESH_API_PATHS) private readonly paths: Required<RefreshApiExtras>,
  ) {}

  /** Call it before any route is registered, because Fastify reports only later ones. */
  beforeRoutes(module: Type): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.getType() !== 'fastify') return;
    const filterOf = this.filters(module);
    const { isPush } = this.pathsOf(module);
    const taken = new Set<string>();
    httpAdapter.getInstance<Fastify>().addHook('onRoute', (route) => {
      const filter = filterOf(route.url);
      if (!filter) return;
      route.errorHandler ??= errorHandlerOf(filter);
      if (isPush(route.url)) route.bodyLimit = MAX_PUSH_BYTES;
      // A wildcard has a name on Express only.
      route.url = route.url.replace(/\*\w+$/, '*');
      leaveToEarlier(route, taken);
    });
  }

  /** Call it after all routes are registered and before the error handler of the host application. */
  afterRoutes(module: Type): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter?.getType() !== 'express') return;
    const filterOf = this.filters(module);
    // Four parameters make it an error handler.
    httpAdapter.use(
      (error: unknown, request: ExpressRequest, response: HttpResponse, next: (error: unknown) => void) => {
        const filter = filterOf(request.path);
        const exception = toHttpException(error);
        if (filter && exception) void filter.reply(exception, request, response);
        else next(error);
      },
    );
  }

  /** Matches a whole path, or the pattern of a route. The prefixes of the host application are known only now. */
  private filters(module: Type): (path: string) => DialectFilter | null {
    const { isOfProjectApi, isOfPartnerApi, isOfZkevmApi } = this.pathsOf(module);
    return (path) => {
      // First, because the project API may own the path below which it is.
      if (isOfZkevmApi(path)) return this.zkevmApi;
      if (isOfProjectApi(path)) return this.projectApi;
      return isOfPartnerApi(path) ? this.partnerApi : null;
    };
  }

  private pathsOf(module: Type): ApiPaths {
    return apiPathsOf(this.paths, prefixesOf(module, this.application, this.modules));
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
