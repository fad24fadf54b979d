import { InvalidWebhook, WebhookLimitReached, WebhookNotFound, WebhookTestRunning } from '@app/metadata-events';
import type { AuthenticatedRequest } from '@app/project-auth';
import { Catch } from '@nestjs/common';
import type { ErrorResponse } from '../error-response.js';
import { errorResponse, ProjectApiFilter } from '../project-api/project-api.filter.js';

/** Errors of webhooks, in the shape of the project API. */
@Catch()
export class WebhookApiFilter extends ProjectApiFilter {
  protected override async responseTo(error: unknown, request: AuthenticatedRequest): Promise<ErrorResponse | null> {
    if (error instanceof InvalidWebhook) return errorResponse(400, 'input_validation_failed', error.message);
    if (error instanceof WebhookNotFound) return errorResponse(404, 'webhook_not_found', error.message);
    if (error instanceof WebhookLimitReached) return errorResponse(409, 'webhook_limit_reached', error.message);
    if (error instanceof WebhookTestRunning) return errorResponse(409, 'webhook_test_running', error.message);
    return super.responseTo(error, request);
  }
}
