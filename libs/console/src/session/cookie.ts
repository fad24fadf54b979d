import { headerOf, isLoopback, type HttpRequest } from '../http.js';

const NAME = 'nft-console';

/**
 * The cookie has no Path: a browser then sends it only below the directory of the endpoint that set it, which is that of all endpoints,
 * whatever proxies have put before it. Over plain HTTP a browser takes it only from this machine.
 */
export function sessionCookie(request: HttpRequest, token: string): string {
  return isPlain(request)
    ? `${NAME}=${token}; HttpOnly; SameSite=Strict`
    : `__Secure-${NAME}=${token}; HttpOnly; Secure; SameSite=Strict`;
}

export function expiredCookie(request: HttpRequest): string {
  return `${sessionCookie(request, '')}; Max-Age=0`;
}

export function tokenIn(request: HttpRequest): string | undefined {
  const name = isPlain(request) ? NAME : `__Secure-${NAME}`;
  const cookies = headerOf(request, 'cookie')?.split(';') ?? [];
  return cookies
    .map((cookie) => cookie.trim())
    .find((cookie) => cookie.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

function isPlain({ protocol, host }: HttpRequest): boolean {
  return protocol === 'http' && host !== undefined && isLoopback(host);
}
