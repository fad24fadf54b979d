/** For everybody: fetches on their way at the same time, in one worker process. */
export const FETCHES_AT_ONCE = 64;
/** Tokens of one request, as many as a project may name by default. */
export const TOKENS_PER_REQUEST = 1000;
