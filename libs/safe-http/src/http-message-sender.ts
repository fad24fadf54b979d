import { Injectable } from '@nestjs/common';
import { Deadline } from './deadline.js';
import type { RequestFailureReason } from './request-failure.js';
import { SsrfSafeHttp } from './ssrf-safe-http.js';
import { MessageSender, type Message, type SendOutcome } from './message-sender.js';
import { readRetryAfterSeconds } from './retry-after.js';

/** Shares the connections and rules of the metadata client. */
@Injectable()
export class HttpMessageSender extends MessageSender {
  constructor(private readonly http: SsrfSafeHttp) {
    super();
  }

  override rejectionReason(url: string): RequestFailureReason | null {
    const checked = this.http.check(url);
    if (checked.kind === 'refused') return checked.reason;
    return checked.isExempt || checked.url.protocol === 'https:' ? null : 'unsupported_scheme';
  }

  override async send({ url, headers, body, deadlineMs }: Message, signal?: AbortSignal): Promise<SendOutcome> {
    const rejection = this.rejectionReason(url);
    if (rejection) return { kind: 'unreachable', reason: rejection, durationMs: 0 };
    const startedAt = performance.now();
    const deadline = new Deadline(deadlineMs, signal);
    try {
      const response = await this.http.post({ url, headers, body, signal: deadline, expectsBody: false });
      const durationMs = Math.round(performance.now() - startedAt);
      if (response.kind === 'unreachable') return { kind: 'unreachable', reason: response.reason, durationMs };
      const seconds = readRetryAfterSeconds(response.headers, new Date());
      const retryAfter = seconds === undefined ? {} : { retryAfterSeconds: seconds };
      return { kind: 'response', status: response.status, ...retryAfter, durationMs };
    } finally {
      deadline.clear();
    }
  }
}
