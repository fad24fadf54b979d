import { Inject, Injectable, RequestMethod } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { DialectRoutes } from './dialect-routes.js';
import { REFRESH_API_EXTRAS, type CompleteExtras } from './refresh-api.options.js';

/** Where the project API is in this application, for pages that lead to it. */
@Injectable()
export class ProjectApiLocation {
  constructor(
    private readonly routes: DialectRoutes,
    private readonly application: ApplicationConfig,
    @Inject(REFRESH_API_EXTRAS) private readonly extras: CompleteExtras,
  ) {}

  /** Whether anyone can read tokens there. */
  get hasTokens(): boolean {
    return this.extras.exposeTokenRoutes;
  }

  /** Whether projects can manage their webhooks there. */
  get hasWebhooks(): boolean {
    return this.extras.exposeWebhookRoutes;
  }

  /** Its base path, as the application sees it, such as `/v1`; null: it is off, or its path has parameters. */
  findPath(): string | null {
    const { projectApiPath } = this.extras;
    if (projectApiPath === false) return null;
    const [prefixed, excluded] = this.routes.pathsBelowPrefixes(projectApiPath);
    const path = excluded !== undefined && this.isExcluded(`${excluded}/metadata-refreshes`) ? excluded : prefixed!;
    return path.includes(':') ? null : path;
  }

  private isExcluded(path: string): boolean {
    const { exclude = [] } = this.application.getGlobalPrefixOptions();
    return exclude.some(
      ({ pathRegex, requestMethod }) =>
        (requestMethod === RequestMethod.ALL || requestMethod === RequestMethod.GET) && pathRegex.test(path),
    );
  }
}
