import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { CallingProject } from './project-directory.js';

/**
 * The property of a request in which our guards store the calling project. A symbol, so that no property of the host
 * application has the same name.
 */
export const CALLING_PROJECT = Symbol('CallingProject');

/** The parts of a request that Express and Fastify have in common, and the project that our guards add. */
export interface AuthenticatedRequest {
  headers: Record<string, string | string[] | undefined>;
  [CALLING_PROJECT]?: CallingProject;
}

/** The project that the guard found. Works only on routes with one of our guards. */
export const CurrentProject = createParamDecorator((_: unknown, context: ExecutionContext) => projectOf(context));

/** Throws an Error on a route without one of our guards. */
export function projectOf(context: ExecutionContext): CallingProject {
  const project = context.switchToHttp().getRequest<AuthenticatedRequest>()[CALLING_PROJECT];
  if (!project) throw new Error('@CurrentProject() needs a guard of project-auth on the route.');
  return project;
}

/** undefined also for an empty header, which clients send when they have no value. */
export function headerOf(request: AuthenticatedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(', ') : value)?.trim() || undefined;
}
