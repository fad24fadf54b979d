import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inRequest, ModuleLogger, parseRequestId, REQUEST_ID_HEADER } from '@app/logging';
import { CALLING_PROJECT, type AuthenticatedRequest } from '@app/project-auth';
import { Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { DialectRoutes } from './dialect-routes.js';
import { patternOf, prefixesOf } from './route-patterns.js';
import { ServerSpan } from './server-span.js';

type ExpressRequest = IncomingMessage &
  AuthenticatedRequest & {
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
interface FastifyRequest extends AuthenticatedRequest {
  method: string;
  url: string;
  protocol: string;
  headers: IncomingMessage['headers'];
  routeOptions: { url?: string };
}

/** How requests to the paths of another module are treated. */
export interface ObservedPaths {
  /** false: such a request has no span. Default: true. */
  isTraced?: boolean;
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
  /** The project that has authenticated, known when it was responded to. */
  projectId(): string | undefined;
}

/**
 * Sees every request to our routes before its body is read, and how it was responded to: gives it an id, which all lines of the log have
 * that the request causes, logs one line for it, and traces it. Requests to other routes of the application pass by. On Express it is
 * registered when there is an HTTP server, which is before the parsers of bodies, and learns the paths later, when the prefixes of the
 * application are known. On Fastify, our routes get a hook.
 */
@Injectable()
export class RequestObserver {
  private readonly logger = new ModuleLogger('RefreshApi');
  /** Of other modules. */
  private readonly others: { pattern: RegExp; isTraced: boolean }[] = [];

  constructor(
    private readonly routes: DialectRoutes,
    private readonly adapterHost: HttpAdapterHost,
    private readonly application: ApplicationConfig,
    private readonly modules: ModulesContainer,
  ) {
    adapterHost.init$.subscribe(() => this.onExpress());
  }

  /** Call it before any route is registered, because Fastify reports only later ones. */
  beforeRoutes(): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.getType() === 'fastify') this.onFastify(httpAdapter.getInstance<Fastify>());
  }

  /** Adds a path of another module, and all paths below it. The module calls it in `configure`, before any route is registered. */
  observeBelow(module: Type, path: string, { isTraced = true }: ObservedPaths = {}): void {
    const prefixes = prefixesOf(module, this.application, this.modules);
    this.others.push(...prefixes.map((prefix) => ({ pattern: patternOf(prefix, `${path}/*path`), isTraced })));
  }

  private onExpress(): void {
    // null in a process without HTTP, such as a script of the host application.
    const httpAdapter = this.adapterHost.httpAdapter as HttpAdapterHost['httpAdapter'] | null;
    if (httpAdapter?.getType() !== 'express') return;
    httpAdapter.use((request: ExpressRequest, response: ServerResponse, next: () => void) => {
      if (!this.isOurs(request.path)) return next();
      const { method, path, protocol, headers } = request;
      const route = () => (typeof request.route?.path === 'string' ? request.baseUrl + request.route.path : undefined);
      const projectId = () => request[CALLING_PROJECT]?.id;
      this.observe({ method, path, protocol, headers, response, route, projectId }, next);
    });
  }

  private onFastify(fastify: Fastify): void {
    const hook: FastifyHook = (request, { raw: response }, done) => {
      const { method, protocol, headers } = request;
      const path = request.url.split('?', 1)[0]!;
      const route = () => request.routeOptions.url;
      const projectId = () => request[CALLING_PROJECT]?.id;
      this.observe({ method, path, protocol, headers, response, route, projectId }, done);
    };
    fastify.addHook('onRoute', (route) => {
      const hooks = [route.onRequest ?? []].flat();
      // Fastify derives a route for HEAD from one for GET, with its hooks.
      if (this.isOurs(route.url) && !hooks.includes(hook)) route.onRequest = [hook, ...hooks];
    });
  }

  private isOurs(path: string): boolean {
    return this.routes.filterAt(path) !== undefined || this.others.some(({ pattern }) => pattern.test(path));
  }

  private isTraced(path: string): boolean {
    return this.others.find(({ pattern }) => pattern.test(path))?.isTraced ?? true;
  }

  private observe(request: ObservedRequest, next: () => void): void {
    const startedAt = performance.now();
    const { response } = request;
    const id = idOf(request);
    response.setHeader(REQUEST_ID_HEADER, id);
    const span = this.isTraced(request.path) ? ServerSpan.start(request) : undefined;
    response.once('close', () => {
      const statusCode = response.writableFinished ? response.statusCode : undefined;
      const route = request.route();
      span?.end({ route, statusCode });
      inRequest(id, () => this.log(request, { route, statusCode, durationMs: performance.now() - startedAt }));
    });
    inRequest(id, () => (span ? span.run(next) : next()));
  }

  /** Never headers, bodies, or the query: they may have secrets. */
  private log(
    request: ObservedRequest,
    {
      route,
      statusCode,
      durationMs,
    }: { route: string | undefined; statusCode: number | undefined; durationMs: number },
  ): void {
    const projectId = request.projectId();
    const fields = {
      method: request.method,
      ...(route !== undefined && { route }),
      ...(statusCode !== undefined && { status: statusCode }),
      durationMs: Math.round(durationMs),
      ...(projectId !== undefined && { projectId }),
    };
    if (statusCode === undefined) this.logger.debug({ msg: 'request aborted', ...fields });
    else this.logger.debug({ msg: 'request', ...fields });
  }
}

/** That of the caller or of a proxy, if it is well-formed; else the one that the application has given it already, or a new one. */
function idOf({ headers, response }: ObservedRequest): string {
  const given = response.getHeader(REQUEST_ID_HEADER);
  return (
    parseRequestId(headers[REQUEST_ID_HEADER]) ??
    (typeof given === 'string' ? parseRequestId(given) : undefined) ??
    randomUUID()
  );
}
