import type { AuthenticatedRequest } from '@app/project-auth';
import { HttpException, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { DialectFilter } from './dialect.filter.js';
import type { HttpResponse } from './http-response.js';
import { PartnerApiFilter } from './partner-api/partner-api.filter.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import { REFRESH_API_PATHS, type RefreshApiExtras } from './refresh-api.options.js';

const PROJECT_API = ['metadata-refreshes', 'limits', 'collections'];

type ExpressRequest = AuthenticatedRequest & { path: string };

/**
 * Errors of a body or a path that cannot be read happen before a controller is chosen, so no filter of ours sees them.
 * An error handler of Express does; it takes those on our paths and passes on all others, the host's.
 */
@Injectable()
export class BodyErrors implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly projectApi: ProjectApiFilter,
    private readonly partnerApi: PartnerApiFilter,
    @Inject(REFRESH_API_PATHS) private readonly paths: Required<RefreshApiExtras>,
  ) {}

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

  /** A host may have put a prefix before our paths. */
  private filterOf(path: string): DialectFilter | null {
    const { projectApiPath, partnerApiPaths } = this.paths;
    const whole = `/${path.split('/').filter(Boolean).join('/')}/`;
    const has = (...segments: string[]) => whole.includes(`/${segments.filter(Boolean).join('/')}/`);
    if (projectApiPath !== false) {
      if (PROJECT_API.some((path) => has(projectApiPath, path))) return this.projectApi;
    }
    if (whole.endsWith('/refresh_metadata/') && partnerApiPaths.some((base) => has(base, 'collections'))) {
      return this.partnerApi;
    }
    return null;
  }
}

/** What the parsers of body and path throw, in words for a caller; null: nothing of theirs. */
function toHttpException(error: unknown): HttpException | null {
  if (error instanceof URIError) return new HttpException('The path is not valid percent-encoding.', 400);
  if (!(error instanceof Error) || !('status' in error) || !('type' in error)) return null;
  const status = Number(error.status);
  if (status < 400 || status > 499) return null;
  switch (error.type) {
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
