import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DialectRoutes } from './dialect-routes.js';
import { ServerSpan } from './server-span.js';

type ExpressRequest = IncomingMessage & {
  method: string;
  path: string;
  protocol: string;
  baseUrl: string;
  route?: { path: unknown };
};

/** The parts of Fastify that are used here. Applications on Express do not install it. */
interface Fastify {
  addHook(name: 'onRoute', hook: (route: { url: string; onRequest?: FastifyHook | FastifyHook[] }) => void): void;
}
type FastifyHook = (request: FastifyRequest, reply: { raw: ServerResponse }, done: () => void) => void;
interface FastifyRequest {
  method: string;
  url: string;
  protocol: string;
  headers: IncomingMessage['headers'];
  routeOptions: { url?: string };
}

/** A request to our routes, on either platform. */
interface ObservedRequest {
  method: string;
  path: string;
  protocol: string;
  headers: IncomingMessage['headers'];
  response: ServerResponse;
  /** The pattern of its route, known when it was responded to. */
  route(): string | undefined;
}

/**
 * Sees every request to our routes before its body is read, and how it was responded to; requests to other routes of the application
 * pass by. On Express it is registered when there is an HTTP server, which is before the parsers of bodies, and learns the paths later,
 * when the prefixes of the application are known. On Fastify, our routes get a hook.
 */
@Injectable()
export class RequestObserver {
  constructor(
    private readonly routes: DialectRoutes,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    adapterHost.init$.subscribe(() => this.onExpress());
  }

  /** Call it before any route is registered, because Fastify reports only later ones. */
  beforeRoutes(): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.getType() === 'fastify') this.onFastify(httpAdapter.getInstance<Fastify>());
  }

  private onExpress(): void {
    // null in a process without HTTP, such as a script of the host application.
    const httpAdapter = this.adapterHost.httpAdapter as HttpAdapterHost['httpAdapter'] | null;
    if (httpAdapter?.getType() !== 'express') return;
    httpAdapter.use((request: ExpressRequest, response: ServerResponse, next: () => void) => {
      if (!this.isOurs(request.path)) return next();
      const { method, path, protocol, headers } = request;
      const route = () => (typeof request.route?.path === 'string' ? request.baseUrl + request.route.path : undefined);
      this.observe({ method, path, protocol, headers, response, route }, next);
    });
  }

  private onFastify(fastify: Fastify): void {
    const hook: FastifyHook = ({ method, url, protocol, headers, routeOptions }, { raw: response }, done) => {
      const path = url.split('?', 1)[0]!;
      this.observe({ method, path, protocol, headers, response, route: () => routeOptions.url }, done);
    };
    fastify.addHook('onRoute', (route) => {
      const hooks = [route.onRequest ?? []].flat();
      // Fastify derives a route for HEAD from one for GET, with its hooks.
      if (this.isOurs(route.url) && !hooks.includes(hook)) route.onRequest = [hook, ...hooks];
    });
  }

  private isOurs(path: string): boolean {
    return this.routes.filterAt(path) !== undefined;
  }

  private observe(request: ObservedRequest, next: () => void): void {
    const span = ServerSpan.start(request);
    if (!span) return next();
    const { response } = request;
    response.once('close', () => {
      const statusCode = response.writableFinished ? response.statusCode : undefined;
      span.end({ route: request.route(), statusCode });
    });
    span.run(next);
  }
}
