import type { AuthenticatedRequest } from '@app/project-auth';
import { Injectable, NotFoundException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DialectRoutes } from './dialect-routes.js';
import type { HttpResponse } from './http-response.js';

type AnyRequest = AuthenticatedRequest & { method: string; url: string };

/** The part of Fastify that is used here. Applications on Express do not install it. */
interface Fastify {
  all(path: string, handler: (request: AnyRequest, reply: HttpResponse) => Promise<HttpResponse>): void;
}

/**
 * Where a base path belongs to a dialect alone, responds with 404 in its shape to every path below it without a route, in
 * whatever order modules register their routes.
 */
@Injectable()
export class UnknownPaths {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly routes: DialectRoutes,
  ) {}

  /** Call it after all routes are registered and before the 404 handler of the host application. */
  afterRoutes(): void {
    const { httpAdapter } = this.adapterHost;
    for (const { filter, matches, fastifyRoutes } of this.routes.owned()) {
      const refuse = (request: AnyRequest, response: HttpResponse) =>
        filter.reply(
          new NotFoundException(`There is no ${request.method} ${request.url.split('?', 1)[0]}.`),
          request,
          response,
        );

      if (httpAdapter?.getType() === 'express') {
        httpAdapter.use((request: AnyRequest & { path: string }, response: HttpResponse, next: () => void) => {
          if (matches(request.path)) void refuse(request, response);
          else next();
        });
      } else if (httpAdapter?.getType() === 'fastify') {
        for (const path of fastifyRoutes) {
          httpAdapter.getInstance<Fastify>().all(path, async (request, reply) => {
            await refuse(request, reply);
            return reply;
          });
        }
      }
    }
  }
}
