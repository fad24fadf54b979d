import type { AuthenticatedRequest } from '@app/project-auth';
import { HttpException, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { DialectFilter } from './dialect.filter.js';
import type { HttpResponse } from './http-response.js';
import { PartnerApiFilter } from './partner-api/partner-api.filter.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from './refresh-api.options.js';

const PROJECT_ROUTES = ['metadata-refreshes(/[^/]+){0,2}', 'limits'];
const TOKEN_ROUTES = ['collections/[^/]+/traits', 'collections/[^/]+/tokens/[^/]+(/attempts)?'];
const PARTNER_ROUTES = ['collections/[^/]+/refresh_metadata'];

type ExpressRequest = AuthenticatedRequest & { path: string };

/**
 * Errors of a body or a path that cannot be read happen before a controller is chosen, so no filter of ours sees them.
 * An error handler of Express does; it takes those on our paths and passes on all others, the host's.
 */
@Injectable()
export class BodyErrors implements OnModuleInit {
  private readonly projectPaths: readonly RegExp[];
  private readonly partnerPaths: readonly RegExp[];

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly projectApi: ProjectApiFilter,
    private readonly partnerApi: PartnerApiFilter,
    @Inject(REFRESH_API_PATHS) { projectApiPath, partnerApiPaths, servesTokens }: Required<RefreshApiExtras>,
  ) {
    const projectRoutes = servesTokens ? [...PROJECT_ROUTES, ...TOKEN_ROUTES] : PROJECT_ROUTES;
    this.projectPaths = projectApiPath === false ? [] : patternsOf(projectApiPath, projectRoutes);
    this.partnerPaths = partnerApiPaths.flatMap((base) => patternsOf(base, PARTNER_ROUTES));
  }

  onModuleInit(): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter?.getType() !== 'express') return;
    // Four parameters make it an error handler. It comes after all routes and before the host's own.
    httpAdapter.use(
      (error: unknown, request: ExpressRequest, response: HttpResponse, next: (error: unknown) => void) => {
        const filter = this.filterOf(request.path);
        const exception = toHttpException(error);
        if (filter && exception) void filter.reply(exception, request, response);
        else next(error);
      },
    );
  }

  private filterOf(path: string): DialectFilter | null {
    if (this.projectPaths.some((pattern) => pattern.test(path))) return this.projectApi;
    if (this.partnerPaths.some((pattern) => pattern.test(path))) return this.partnerApi;
    return null;
  }
}

/** Whole routes, in any case as Express takes them; a host may have put a prefix before them. */
function patternsOf(base: string, routes: readonly string[]): RegExp[] {
  const start = base === '' ? '' : `${base.replaceAll(/[^a-z0-9/_-]/gi, String.raw`\$&`)}/`;
  return routes.map((route) => new RegExp(`(^|/)${start}${route}/?$`, 'i'));
}

/** What the parsers of body and path throw, in words for a caller; null: nothing of theirs. */
function toHttpException(error: unknown): HttpException | null {
  if (error instanceof URIError) return new HttpException('The path is not valid percent-encoding.', 400);
  if (!(error instanceof Error) || !('status' in error)) return null;
  const status = Number(error.status);
  if (!(status >= 400 && status <= 499)) return null;
  const type = 'type' in error ? error.type : '';
  switch (type) {
    case 'entity.parse.failed':
      return new HttpException(`The body is not valid JSON: ${error.message}.`, status);
    case 'entity.too.large':
      return new HttpException(
        `The body is larger than is read here${'limit' in error ? `, which is ${String(error.limit)} bytes` : ''}.`,
        status,
      );
    default:
      return new HttpException(`The body cannot be read: ${error.message}.`, status);
  }
}
