import { MethodNotAllowedException } from '@nestjs/common';
import { setHeaders, type HttpResponse } from './http-response.js';

/** Throws what becomes a 405 with an `Allow` header; for OPTIONS, the header is the answer. */
export function refuseMethod(method: string, allowed: string, response: HttpResponse): void {
  setHeaders(response, { allow: allowed });
  if (method === 'OPTIONS') return;
  throw new MethodNotAllowedException(`${method} is not possible here; possible is ${allowed}.`);
}
