import { Injectable } from '@nestjs/common';
import { Deadline } from './deadline.js';
import type { RequestFailureReason } from './request-failure.js';
import { SsrfSafeHttp } from './ssrf-safe-http.js';
import { MessageSender, type Message, type SendOutcome } from './message-sender.js';
import { readRetryAfterSeconds } from './retry-after.js';

/** Sends through the client that fetches, with its connections and its rules. */
@Injectable()
export class HttpMessageSender extends MessageSender {
  constructor(private readonly http: SsrfSafeHttp) {
    super();
  }

  override refuses(url: string): RequestFailureReason | null {
    const checked = this.http.check(url);
    if (checked.kind === 'refused') return checked.reason;
    return checked.isExempt || checked.url.protocol === 'https:' ? null : 'unsupported_scheme';
  }

  override async send({ url, headers, body, deadlineMs }: Message, signal?: AbortSignal): Promise<SendOutcome> {
    const refusal = this.refuses(url);
    if (refusal) return { kind: 'unreachable', reason: refusal, durationMs: 0 };
    const startedAt = performance.now();
    const deadline = new Deadline(deadlineMs, signal);
    try {
      const answer = await this.http.post({ url, headers, body, signal: deadline.signal, expectsBody: false });
      const durationMs = Math.round(performance.now() - startedAt);
      if (answer.kind === 'unreachable') return { kind: 'unreachable', reason: answer.reason, durationMs };
      const seconds = readRetryAfterSeconds(answer.headers, new Date());
      const retryAfter = seconds === undefined ? {} : { retryAfterSeconds: seconds };
      return { kind: 'answered', status: answer.status, ...retryAfter, durationMs };
    } finally {
      deadline.clear();
    }
  }
}
