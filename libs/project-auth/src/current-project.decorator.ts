import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { CallingProject } from './project-directory.js';

/** What our guards add to a request, on Express and Fastify alike. */
export interface AuthenticatedRequest {
  headers: Record<string, string | string[] | undefined>;
  nftProject?: CallingProject;
}

/** The project that the guard found. Only on routes behind one of our guards. */
export const CurrentProject = createParamDecorator((_: unknown, context: ExecutionContext) => projectOf(context));

/** Throws an Error on a route without one of our guards. */
export function projectOf(context: ExecutionContext): CallingProject {
  const { nftProject } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (!nftProject) throw new Error('The project of a request is asked for on a route without a guard of project-auth.');
  return nftProject;
}

/** undefined also for an empty one: that is what clients send when they mean none. */
export function headerOf(request: AuthenticatedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(', ') : value)?.trim() || undefined;
}
