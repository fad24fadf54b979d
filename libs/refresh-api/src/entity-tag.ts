import { createHash } from 'node:crypto';
import { setHeaders, type HttpResponse } from './http-response.js';

export interface ConditionalRequest {
  headers: Record<string, string | string[] | undefined>;
}

/**
 * Sets the ETag of a body, a hash of its content. Returns the body; if the caller has it already, an empty one with
 * status 304.
 */
export function sendConditional(request: ConditionalRequest, response: HttpResponse, body: string): string {
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
  setHeaders(response, { etag: tag, 'cache-control': 'no-cache' });
  const known = String(request.headers['if-none-match'] ?? '').split(',');
  if (!known.some((one) => one.trim().replace(/^W\//, '') === tag || one.trim() === '*')) return body;
  response.status(304);
  return '';
}
