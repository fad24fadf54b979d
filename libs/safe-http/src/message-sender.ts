import type { RequestFailureReason } from './request-failure.js';

/** A message to post. */
export interface Message {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Timeout of the whole exchange, from name resolution to the end of the response, in milliseconds. */
  deadlineMs: number;
}

/** How one attempt ended. The body of the response is dropped. */
export type SendOutcome =
  | { kind: 'response'; status: number; retryAfterSeconds?: number; durationMs: number }
  | { kind: 'unreachable'; reason: RequestFailureReason; durationMs: number };

/**
 * Posts a message to an untrusted URL, with the SSRF filter, over `https:` unless the host is in `allowedHosts`, and without
 * following redirects. One attempt.
 */
export abstract class MessageSender {
  /** Why send() would reject this URL without a request; null if it would try. The name is not resolved yet. */
  abstract rejectionReason(url: string): RequestFailureReason | null;

  /** Its promise never rejects because of what the server does. `signal` aborts the attempt (shutdown). */
  abstract send(message: Message, signal?: AbortSignal): Promise<SendOutcome>;
}
