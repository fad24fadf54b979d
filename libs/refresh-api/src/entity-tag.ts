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
  const tag = entityTagOf(body);
  setHeaders(response, { etag: tag, 'cache-control': 'no-cache' });
  if (!hasCurrent(request, tag)) return body;
  response.status(304);
  return '';
}

/** The ETag of a content: a hash of it. */
export function entityTagOf(content: string | Buffer): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`;
}

/**
 * Whether `If-None-Match` names the ETag, in a list, or as a weak one (RFC 9110, 13.1.2): a proxy that compresses a response makes
 * its ETag weak.
 */
export function hasCurrent({ headers }: ConditionalRequest, tag: string): boolean {
  const known = String(headers['if-none-match'] ?? '').split(',');
  return known.some((one) => one.trim().replace(/^W\//, '') === tag || one.trim() === '*');
}
