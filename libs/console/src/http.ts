/** What the requests of Express and Fastify have in common. */
export interface HttpRequest {
  method: string;
  /** Path and query, as the application sees them. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  /** The address of the client, as the host application's `trust proxy` has it. */
  ip?: string;
  protocol: string;
  /** The host and port, as `trust proxy` has them. On Express `host`, on Fastify `host` as well. */
  host?: string;
  body?: unknown;
}

/** What their responses have in common. */
export interface HttpResponse {
  status(code: number): unknown;
}

export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The path without its query. */
export function pathOf({ url }: HttpRequest): string {
  return url.split('?', 1)[0]!;
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?$/i.test(host);
}
