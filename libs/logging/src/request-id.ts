import { AsyncLocalStorage } from 'node:async_hooks';

export const REQUEST_ID_HEADER = 'x-request-id';

/** So that an id fits into every log and every wire format: letters, digits, "-" and "_". */
const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/;

const requests = new AsyncLocalStorage<string>();

/** The id that a caller or a proxy gave a request; undefined if it is not well-formed. */
export function parseRequestId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : undefined;
}

/** `work` and all that it waits for belong to the request. */
export function inRequest(id: string, work: () => void): void {
  requests.run(id, work);
}

/** `work` does not belong to the request that happens to start it: it serves others as well, or goes on when the request is over. */
export function outsideRequests<Result>(work: () => Result): Result {
  return requests.exit(work);
}

/** The id of the request that is being responded to; undefined outside of requests to our routes. */
export function requestId(): string | undefined {
  return requests.getStore();
}
