import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { Authenticated } from '../openapi/security.js';
import { Fails, FailsLikeAll, FailsTooOften, FailsWithBody } from '../project-api/project-api.documentation.js';
import {
  deliveryPageSchema,
  newWebhookSchema,
  secretSchema,
  webhookListSchema,
  webhookSchema,
  webhookTestSchema,
} from './webhook-api.responses.js';

const IsDocumented = () => applyDecorators(ApiTags('Webhooks'), Authenticated('projectApi'), FailsLikeAll());

const FailsWithoutWebhook = () =>
  Fails(404, 'The project has no such webhook. A webhook of another project gets the same response.', {
    code: 'webhook_not_found',
    message: 'Webhook "6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21" does not exist.',
  });

const IsCounted = () => FailsTooOften('Too many requests per second; requests for refreshes count too.');

export const DocumentsWebhooks = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'List the project’s webhooks, oldest first', operationId: 'listWebhooks' }),
    Responds(200, 'All of them.', webhookListSchema),
  );

export const DocumentsCreateWebhook = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Create a webhook',
      description: 'It receives events from now on. Messages have the form of Standard Webhooks.',
      operationId: 'createWebhook',
    }),
    Responds(201, 'The webhook, with its secret.', newWebhookSchema),
    FailsWithBody(),
    IsCounted(),
    Fails(409, 'The project has the maximum number of webhooks.', {
      code: 'webhook_limit_reached',
      message: 'The project already has 10 webhooks, the maximum.',
    }),
  );

export const DocumentsWebhook = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'Read a webhook', operationId: 'getWebhook' }),
    Responds(200, 'The webhook, and the state of its deliveries.', webhookSchema),
    FailsWithoutWebhook(),
  );

export const DocumentsChangeWebhook = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'Change the URL, the events or the triggers of a webhook', operationId: 'changeWebhook' }),
    Responds(200, 'The webhook as it is now.', webhookSchema),
    FailsWithoutWebhook(),
    FailsWithBody(),
    IsCounted(),
  );

export const DocumentsDeleteWebhook = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Delete a webhook with its secrets and deliveries',
      description: 'A message that is being sent may still arrive.',
      operationId: 'deleteWebhook',
    }),
    Responds(204, 'The webhook is deleted.'),
    FailsWithoutWebhook(),
    IsCounted(),
  );

export const DocumentsEnableWebhook = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Enable a disabled webhook, or retry a failing one now',
      operationId: 'enableWebhook',
    }),
    Responds(200, 'The webhook; its next message is tried at once.', webhookSchema),
    FailsWithoutWebhook(),
    FailsWithBody(),
    IsCounted(),
  );

export const DocumentsRotateSecret = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Create a new secret',
      description: 'Messages carry a signature with each of the five newest secrets that are still valid.',
      operationId: 'rotateWebhookSecret',
    }),
    Responds(200, 'The new secret.', secretSchema),
    FailsWithoutWebhook(),
    FailsWithBody(),
    IsCounted(),
  );

export const DocumentsTestWebhook = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Send a test message now, once',
      description:
        'Sends a message of the type `webhook.test`, signed like all others and listed among the deliveries. Responds when the delivery has ended.',
      operationId: 'testWebhook',
    }),
    Responds(200, 'The result of the delivery.', webhookTestSchema),
    FailsWithoutWebhook(),
    FailsWithBody(),
    IsCounted(),
    Fails(409, 'A test message to this webhook is still being sent.', {
      code: 'webhook_test_running',
      message:
        'A test message to webhook 6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21 is still being sent. Try again when it has ended.',
    }),
  );

export const DocumentsDeliveries = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'List the deliveries to a webhook, newest first', operationId: 'listDeliveries' }),
    Responds(200, 'A page of deliveries, by default of the last 14 days.', deliveryPageSchema),
    FailsWithoutWebhook(),
  );
