import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { CALLING_PROJECT, headerOf, type AuthenticatedRequest } from './current-project.decorator.js';
import { NotAuthenticated } from './project-auth.errors.js';
import { ProjectDirectory, type CallingProject } from './project-directory.js';

/** Accepts a request with a valid API key in `x-api-key`. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(private readonly directory: ProjectDirectory) {}

  /** Next to a signature, a key in another form is ignored: clients of Immutable X send their own. */
  isUsedBy(request: AuthenticatedRequest, { besideSignature = false } = {}): boolean {
    const key = headerOf(request, 'x-api-key');
    return key !== undefined && (!besideSignature || this.directory.isApiKey(key));
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request[CALLING_PROJECT] = await this.authenticate(request);
    return true;
  }

  /** `header`: where the key is, in lower case. Throws NotAuthenticated. */
  async authenticate(request: AuthenticatedRequest, header = 'x-api-key'): Promise<CallingProject> {
    const key = headerOf(request, header);
    if (!key)
      throw new NotAuthenticated('credentials_missing', `The request has no API key: send it in the header ${header}.`);
    const project = this.directory.isApiKey(key) ? await this.directory.findByApiKey(key) : null;
    if (!project)
      throw new NotAuthenticated('invalid_api_key', `The API key in ${header} is mistyped, unknown or revoked.`);
    return project;
  }
}
