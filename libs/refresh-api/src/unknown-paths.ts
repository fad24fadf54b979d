import type { AuthenticatedRequest } from '@app/project-auth';
import { Inject, Injectable, NotFoundException, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { HttpResponse } from './http-response.js';
import { apiPathsOf, prefixesOf, routesBelow } from './api-paths.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from './refresh-api.options.js';

type AnyRequest = AuthenticatedRequest & { method: string; url: string };

/** The part of Fastify that is used here. Applications on Express do not install it. */
interface Fastify {
  all(path: string, handler: (request: AnyRequest, reply: HttpResponse) => Promise<HttpResponse>): void;
}

/**
 * With `ownsProjectApiPath`, responds with 404 in the shape of the project API to every path below it without a route, in
 * whatever order modules register their routes.
 */
@Injectable()
export class UnknownPaths {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
    private readonly filter: ProjectApiFilter,
    @Inject(REFRESH_API_PATHS) private readonly paths: Required<RefreshApiExtras>,
  ) {}

  /** Call it after all routes are registered and before the 404 handler of the host application. */
  afterRoutes(module: Type): void {
    const { httpAdapter } = this.adapterHost;
    const { projectApiPath, ownsProjectApiPath } = this.paths;
    if (projectApiPath === false || !ownsProjectApiPath) return;
    const prefixes = prefixesOf(module, this.application, this.modules);
    const refuse = (request: AnyRequest, response: HttpResponse) =>
      this.filter.reply(
        new NotFoundException(`There is no ${request.method} ${request.url.split('?', 1)[0]}.`),
        request,
        response,
      );

    if (httpAdapter?.getType() === 'express') {
      const { isOfProjectApi } = apiPathsOf(this.paths, prefixes);
      httpAdapter.use((request: AnyRequest & { path: string }, response: HttpResponse, next: () => void) => {
        if (isOfProjectApi(request.path)) void refuse(request, response);
        else next();
      });
    } else if (httpAdapter?.getType() === 'fastify') {
      for (const path of routesBelow(prefixes, projectApiPath)) {
        httpAdapter.getInstance<Fastify>().all(path, async (request, reply) => {
          await refuse(request, reply);
          return reply;
        });
      }
    }
  }
}
