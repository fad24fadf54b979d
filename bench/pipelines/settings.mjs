/** Concurrent fetches in the worker process of each pipeline. */
export const FETCH_CONCURRENCY = 64;
/** The default token limit of a request. */
export const TOKENS_PER_REQUEST = 1000;
