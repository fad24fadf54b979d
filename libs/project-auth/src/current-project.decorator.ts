import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { CallingProject } from './project-directory.js';

/** Where our guards put the calling project on a request: no name that a host could have taken. */
export const CALLING_PROJECT = Symbol('CallingProject');

/** A request, on Express and Fastify alike, with what our guards add to it. */
export interface AuthenticatedRequest {
  headers: Record<string, string | string[] | undefined>;
  [CALLING_PROJECT]?: CallingProject;
}

/** The project that the guard found. Only on routes behind one of our guards. */
export const CurrentProject = createParamDecorator((_: unknown, context: ExecutionContext) => projectOf(context));

/** Throws an Error on a route without one of our guards. */
export function projectOf(context: ExecutionContext): CallingProject {
  const project = context.switchToHttp().getRequest<AuthenticatedRequest>()[CALLING_PROJECT];
  if (!project) throw new Error('The project of a request is asked for on a route without a guard of project-auth.');
  return project;
}

/** undefined also for an empty one: that is what clients send when they mean none. */
export function headerOf(request: AuthenticatedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(', ') : value)?.trim() || undefined;
}
