import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { apiPathsOf, prefixesOf } from './api-paths.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from './refresh-api.options.js';
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
  private isOurs: (path: string) => boolean = () => false;

  constructor(
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
    @Inject(REFRESH_API_PATHS) private readonly paths: Required<RefreshApiExtras>,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    adapterHost.init$.subscribe(() => this.onExpress());
  }

  /** Call it before any route is registered, because Fastify reports only later ones. */
  beforeRoutes(module: Type): void {
    const paths = apiPathsOf(this.paths, prefixesOf(module, this.application, this.modules));
    this.isOurs = (path) => paths.isOfZkevmApi(path) || paths.isOfProjectApi(path) || paths.isOfPartnerApi(path);
    this.onFastify();
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

  private onFastify(): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.getType() !== 'fastify') return;
    const hook: FastifyHook = ({ method, url, protocol, headers, routeOptions }, { raw: response }, done) => {
      const path = url.split('?', 1)[0]!;
      this.observe({ method, path, protocol, headers, response, route: () => routeOptions.url }, done);
    };
    httpAdapter.getInstance<Fastify>().addHook('onRoute', (route) => {
      const hooks = [route.onRequest ?? []].flat();
      // Fastify derives a route for HEAD from one for GET, with its hooks.
      if (this.isOurs(route.url) && !hooks.includes(hook)) route.onRequest = [hook, ...hooks];
    });
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
