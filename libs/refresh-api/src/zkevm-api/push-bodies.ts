import type { IncomingMessage, ServerResponse } from 'node:http';
import bodyParser from 'body-parser';
import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { apiPathsOf, prefixesOf } from '../api-paths.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from '../refresh-api.options.js';

/** Of the body of a push: the public format allows 228 KiB for the list in it. */
export const MAX_PUSH_BYTES = 256 * 1024;

type Next = (error?: unknown) => void;

/**
 * Reads the bodies of pushes on Express, because the limit of the host application's parser is usually smaller. It has to come before
 * that parser, which is registered when the application is initialized; so it is registered when there is an HTTP server, and asks
 * for the paths later, when the prefixes of the host application are known. On Fastify, routes have limits of their own.
 */
@Injectable()
export class PushBodies {
  private isPush: ((path: string) => boolean) | undefined;

  constructor(
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
    @Inject(REFRESH_API_PATHS) private readonly paths: Required<RefreshApiExtras>,
    adapterHost: HttpAdapterHost,
  ) {
    if (paths.zkevmApiPath !== false) adapterHost.init$.subscribe(() => this.register(adapterHost));
  }

  /** Call it before the first request. */
  findPaths(module: Type): void {
    const prefixes = prefixesOf(module, this.application, this.modules);
    this.isPush = apiPathsOf(this.paths, prefixes).isPush;
  }

  private register(adapterHost: HttpAdapterHost): void {
    // null in a process without HTTP, such as a script of the host application.
    const httpAdapter = adapterHost.httpAdapter as HttpAdapterHost['httpAdapter'] | null;
    if (httpAdapter?.getType() !== 'express') return;
    const parse = bodyParser.json({ limit: MAX_PUSH_BYTES });
    httpAdapter.use((request: IncomingMessage & { path: string }, response: ServerResponse, next: Next) => {
      if (request.method === 'POST' && this.isPush?.(request.path)) parse(request, response, next);
      else next();
    });
  }
}
