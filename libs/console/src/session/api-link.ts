import { posix } from 'node:path';
import { ProjectApiLocation } from '@app/refresh-api';
import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { pathOf, type HttpRequest } from '../http.js';
import type { Session } from '../wire/session.schema.js';

/** Tells the pages where the project API is. */
@Injectable()
export class ApiLink {
  constructor(private readonly modules: ModuleRef) {}

  /** `request`: to the endpoint `api/session`, whose path has that of the console. */
  from(request: HttpRequest): Session['api'] {
    // RefreshApiModule is not global, because nothing else needs it.
    const location = this.modules.get(ProjectApiLocation, { strict: false });
    const path = location.findPath();
    if (path === null) return null;
    const console = pathOf(request).replace(/\/api\/session\/?$/, '') || '/';
    return { path: posix.relative(console, path), tokens: location.hasTokens, webhooks: location.hasWebhooks };
  }
}
