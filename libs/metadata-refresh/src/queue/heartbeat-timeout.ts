/** A worker whose last heartbeat is older than this no longer counts. */
export const HEARTBEAT_TIMEOUT_SECONDS = 5;
