import type { RequestFailureReason } from './request-failure.js';

export interface Message {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** For all of it, from the name to the end of the answer. */
  deadlineMs: number;
}

/** How one attempt ended. What the server wrote beside its status is not kept. */
export type SendOutcome =
  | { kind: 'answered'; status: number; retryAfterSeconds?: number; durationMs: number }
  | { kind: 'unreachable'; reason: RequestFailureReason; durationMs: number };

/**
 * Posts a message to an address that a stranger named: with the rules of fetching (public addresses only, nothing that
 * identifies anybody), over `https:` unless the host is exempt, and without following redirects. One attempt.
 */
export abstract class MessageSender {
  /** Why nothing would be sent to this URL, as far as can be said before its name is resolved; null if it would be tried. */
  abstract refuses(url: string): RequestFailureReason | null;

  /** Never rejects for what a stranger's server does. `signal` ends the attempt early (shutdown). */
  abstract send(message: Message, signal?: AbortSignal): Promise<SendOutcome>;
}
