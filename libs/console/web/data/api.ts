import type { ConsoleError } from '../../src/wire/index.js';
import { setServerTime } from './clock.js';
import { Store } from './store.js';

/** The folder below which the pages and the API are, however many prefixes and proxies are before it. */
export const MOUNT = new URL('.', document.baseURI);
/** Of these files. In Vite's development server there is none. */
const BUILD = document.querySelector<HTMLMetaElement>('meta[name=build]')?.content ?? '';

export class ApiError extends Error {
  constructor(
    /** 0: there was no response. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null,
  ) {
    super(message);
  }

  /** Whether the service may respond to the same request a little later. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

export interface Connection {
  /** When the service was heard last, in ms of `performance`; null: not yet. */
  heardAt: number | null;
  /** Reads failed since then. */
  isLost: boolean;
  isSignedOut: boolean;
  /** Another build of the console responds. */
  isOutdated: boolean;
}

export const connection = new Store<Connection>({
  heardAt: null,
  isLost: false,
  isSignedOut: false,
  isOutdated: false,
});

function note(change: Partial<Connection>): void {
  connection.set({ ...connection.value, ...change });
}

/** Ends the state that a 401 has begun: somebody has signed in. */
export function noteSignedIn(): void {
  note({ isSignedOut: false });
}

interface Kept {
  etag: string;
  body: unknown;
}

const MAX_KEPT = 50;
/** The newest bodies with an ETag, by path: an unchanged one is not sent again. */
const kept = new Map<string, Kept>();

/** Pages that show the same share what was read before: how old it may be, in seconds, if nothing else is said. */
const MAX_AGE = 2;
/** When this page has changed something, or was shown again, in ms of `performance`. */
let freshFrom = -Infinity;
document.addEventListener('visibilitychange', () => (freshFrom = performance.now()));

/** `GET <mount>/api/<path>`. Throws ApiError. */
export async function read<Body>(path: string, signal?: AbortSignal, maxAge = MAX_AGE): Promise<Body> {
  const known = kept.get(path);
  // Whoever has changed something sees it, and whoever opens a page, or returns to it, sees what there is now: what another page read
  // before is of no use.
  const mayBeShared = known !== undefined && performance.now() - freshFrom > maxAge * 1000;
  const response = await request(path, {
    headers: {
      ...(known && { 'if-none-match': known.etag }),
      ...(mayBeShared && { 'cache-control': `max-age=${maxAge}` }),
    },
    ...(signal && { signal }),
  });
  if (response.status === 304 && known) return known.body as Body;
  const body = (await bodyOf(response)) as Body & { now?: string };
  const etag = response.headers.get('etag');
  if (etag) keep(path, { etag, body });
  if (body.now) setServerTime(body.now);
  return body;
}

function keep(path: string, response: Kept): void {
  kept.delete(path);
  kept.set(path, response);
  if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!);
}

/** Nothing of one person's is shown to the next. */
export function forgetResponses(): void {
  kept.clear();
}

/** `POST`, `PUT` or `DELETE`. Throws ApiError. */
export async function send<Body = unknown>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<Body> {
  const response = await request(path, {
    method,
    headers: { 'content-type': 'application/json', 'x-nft-console': '1' },
    body: JSON.stringify(body ?? {}),
  }).finally(() => (freshFrom = performance.now()));
  return (await bodyOf(response)) as Body;
}

/** Whether a `GET` of something that is no JSON succeeds. Its refusal says nothing about the connection. Throws ApiError. */
export async function probe(path: string): Promise<void> {
  const response = await request(path, { method: 'GET' });
  await response.body?.cancel();
}

export function apiUrl(path: string): string {
  return new URL(`api/${path}`, MOUNT).href;
}

async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path), { ...init, credentials: 'same-origin', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    note({ isLost: true });
    throw new ApiError(0, 'no_response', 'The service does not respond.', null);
  }
  const build = response.headers.get('x-nft-console-build');
  if (build !== null && BUILD !== '' && !BUILD.includes('%') && build !== BUILD) note({ isOutdated: true });
  if (response.ok || response.status === 304) {
    note({ heardAt: performance.now(), isLost: false });
    return response;
  }
  const error = await errorOf(response);
  if (response.status === 401 && error.code === 'not_signed_in') note({ isSignedOut: true });
  if (init.method === undefined && error.isTemporary) note({ isLost: true });
  throw error;
}

async function bodyOf(response: Response): Promise<unknown> {
  if (response.status === 204) return {};
  try {
    return await response.json();
  } catch {
    throw new ApiError(response.status, 'unreadable', 'The response of the service was cut off.', null);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as Partial<ConsoleError> | null;
  const { code = `status_${response.status}`, message, requestId = null } = body ?? {};
  return new ApiError(
    response.status,
    code,
    message ?? `The service responded with status ${response.status}.`,
    requestId,
  );
}

/** A path with the filters that are set. */
export function withQuery(path: string, filters: Readonly<Record<string, string | null | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  return query.size === 0 ? path : `${path}?${query}`;
}
