import type { IncomingMessage, ServerResponse } from 'node:http';
import bodyParser from 'body-parser';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DialectRoutes } from './dialect-routes.js';

type Next = (error?: unknown) => void;
type Parser = ReturnType<typeof bodyParser.json>;

/**
 * Reads the bodies of routes with a limit of their own on Express, because the limit of the host application's parser is usually
 * smaller. It has to come before that parser, which is registered when the application is initialized; so it is registered when there
 * is an HTTP server, and asks for the paths later, when the prefixes of the host application are known. On Fastify, routes have
 * limits of their own.
 */
@Injectable()
export class ExpressBodyLimits {
  private readonly parsers = new Map<number, Parser>();

  constructor(
    private readonly routes: DialectRoutes,
    adapterHost: HttpAdapterHost,
  ) {
    if (routes.hasBodyLimits) adapterHost.init$.subscribe(() => this.register(adapterHost));
  }

  private register(adapterHost: HttpAdapterHost): void {
    // null in a process without HTTP, such as a script of the host application.
    const httpAdapter = adapterHost.httpAdapter as HttpAdapterHost['httpAdapter'] | null;
    if (httpAdapter?.getType() !== 'express') return;
    httpAdapter.use((request: IncomingMessage & { path: string }, response: ServerResponse, next: Next) => {
      const limit = request.method === 'POST' ? this.routes.maxBodyBytesAt(request.path) : undefined;
      if (limit === undefined) next();
      else this.parserOf(limit)(request, response, next);
    });
  }

  private parserOf(limit: number): Parser {
    const parser = this.parsers.get(limit) ?? bodyParser.json({ limit });
    this.parsers.set(limit, parser);
    return parser;
  }
}
