import type { AuthenticatedRequest } from '@app/project-auth';
import { Inject, Injectable, NotFoundException, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { HttpResponse } from './http-response.js';
import { ownPaths, prefixesOf, routesBelow } from './own-paths.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from './refresh-api.options.js';

type AnyRequest = AuthenticatedRequest & { method: string; url: string };

/** As much of Fastify as is needed here; hosts on Express do not have it installed. */
interface Fastify {
  all(path: string, handler: (request: AnyRequest, reply: HttpResponse) => Promise<HttpResponse>): void;
}

/**
 * Where all paths of the project API are ours: a 404 in its shape for what no route takes, whichever module has the
 * routes and in whatever order they were registered.
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

  /** After all routes, and before what answers for the host that it does not know a path. */
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
      const { isOfProjectApi } = ownPaths(this.paths, prefixes);
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
