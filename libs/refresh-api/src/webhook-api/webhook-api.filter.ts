import { InvalidWebhook, WebhookLimitReached, WebhookNotFound, WebhookTestRunning } from '@app/metadata-events';
import type { AuthenticatedRequest } from '@app/project-auth';
import { Catch } from '@nestjs/common';
import type { Answer } from '../answer.js';
import { answer, ProjectApiFilter } from '../project-api/project-api.filter.js';

/** The errors of webhooks, beside those of the project API, and in its shape. */
@Catch()
export class WebhookApiFilter extends ProjectApiFilter {
  protected override async answerTo(error: unknown, request: AuthenticatedRequest): Promise<Answer | null> {
    if (error instanceof InvalidWebhook) return answer(400, 'input_validation_failed', error.message);
    if (error instanceof WebhookNotFound) return answer(404, 'webhook_not_found', error.message);
    if (error instanceof WebhookLimitReached) return answer(409, 'webhook_limit_reached', error.message);
    if (error instanceof WebhookTestRunning) return answer(409, 'webhook_test_running', error.message);
    return super.answerTo(error, request);
  }
}
