/** Why a request has no complete response. Stored, and shown by the API. */
export const REQUEST_FAILURE_REASONS = [
  'timeout',
  'dns',
  'connection_refused',
  'connection_reset',
  'tls',
  'blocked_address',
  'blocked_port',
  'too_many_redirects',
  'incomplete_body',
  'too_large',
  'invalid_uri',
  'unsupported_scheme',
  'connection',
  /** No buffer for a large body became free in time. Says nothing about the host. */
  'busy',
] as const;
export type RequestFailureReason = (typeof REQUEST_FAILURE_REASONS)[number];
