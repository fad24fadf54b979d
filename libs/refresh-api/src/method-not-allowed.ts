import { MethodNotAllowedException } from '@nestjs/common';
import { setHeaders, type HttpResponse } from './http-response.js';

/** Sets `Allow`. Throws MethodNotAllowedException, except for OPTIONS, whose response is the header. */
export function rejectMethod(method: string, allowed: string, response: HttpResponse): void {
  setHeaders(response, { allow: allowed });
  if (method === 'OPTIONS') return;
  throw new MethodNotAllowedException(`Method ${method} is not allowed here. Allowed: ${allowed}.`);
}
