import {
  All,
  Controller,
  HttpCode,
  NotFoundException,
  Req,
  Res,
  UseFilters,
  type ExceptionFilter,
  type Type,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HttpResponse } from './http-response.js';
import { rejectMethod } from './method-not-allowed.js';

interface UnroutedRequest {
  method: string;
  url: string;
}

export interface FallbackRoutes {
  /** The methods of each path, for `Allow`. Paths are relative to the base path; '' is the base path itself. */
  methods?: Readonly<Record<string, string>>;
  /** Path patterns without any route. */
  unknownPaths?: readonly string[];
}

/**
 * Creates a controller for requests that no route of an API takes, so that they get errors in its shape: 405 with `Allow` for
 * another method, 404 for an unknown path. Mount it after the API's controllers.
 */
export function fallbackController(
  name: string,
  filter: Type<ExceptionFilter>,
  { methods = {}, unknownPaths = [] }: FallbackRoutes,
): Type<object> {
  const Fallback = class {};
  Object.defineProperty(Fallback, 'name', { value: name });
  for (const [path, allowed] of Object.entries(methods)) {
    const handler = ({ method }: UnroutedRequest, response: HttpResponse) => rejectMethod(method, allowed, response);
    addRoute(Fallback, path, handler);
  }
  for (const path of unknownPaths) addRoute(Fallback, path, rejectPath);
  Controller()(Fallback);
  ApiExcludeController()(Fallback);
  UseFilters(filter)(Fallback);
  return Fallback;
}

function rejectPath({ method, url }: UnroutedRequest): never {
  throw new NotFoundException(`There is no ${method} ${url.split('?', 1)[0]}.`);
}

/** The same as decorators on a method. */
function addRoute(
  controller: Type<object>,
  path: string,
  handler: (request: UnroutedRequest, response: HttpResponse) => void,
): void {
  const prototype = controller.prototype as object;
  const key = `on /${path}`;
  // A function of its own, because decorators keep the route in the metadata of the function.
  const descriptor = {
    value: (...args: Parameters<typeof handler>) => handler(...args),
    writable: true,
    configurable: true,
  };
  Object.defineProperty(prototype, key, descriptor);
  All(path)(prototype, key, descriptor);
  HttpCode(204)(prototype, key, descriptor);
  Req()(prototype, key, 0);
  Res({ passthrough: true })(prototype, key, 1);
}
