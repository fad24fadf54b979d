import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { Responds, limitHeaders, retryAfterHeader } from '../openapi/documented-response.js';
import { DocumentsIdempotencyKey, replayedHeader } from '../idempotency-key.js';
import { Authenticated } from '../openapi/security.js';
import {
  errorBodySchema,
  limitsSchema,
  receiptSchema,
  refreshErrorPageSchema,
  refreshPageSchema,
  refreshSchema,
  type ErrorCode,
} from './project-api.responses.js';

export const IsDocumented = () => applyDecorators(ApiTags('Project API'), Authenticated('projectApi'));

type Example = z.output<typeof errorBodySchema> & { code: ErrorCode };

/** An error with an example. */
export const Fails = (status: number, description: string, example: Example, headers = {}) =>
  Responds(status, description, errorBodySchema, { example, headers });

export const FailsLikeAll = () =>
  applyDecorators(
    Fails(400, 'A field or a parameter is invalid. The message names it and its rule.', {
      code: 'input_validation_failed',
      message: 'token_ids.0 must be a decimal uint256: digits only, no leading zero, below 2^256',
    }),
    Fails(401, 'Not authenticated.', {
      code: 'unauthorized',
      message: 'The API key in x-api-key is mistyped, unknown or revoked.',
      details: 'invalid_api_key',
    }),
    Fails(500, 'An internal error.', {
      code: 'internal_server_error',
      message: 'The request failed because of an error in the service.',
    }),
    Fails(
      503,
      'The service is temporarily unavailable.',
      {
        code: 'service_unavailable',
        message: 'The service cannot reach its database now. Try again in a moment.',
      },
      retryAfterHeader,
    ),
  );

/** For routes that read a body. */
export const FailsWithBody = () =>
  applyDecorators(
    Fails(413, 'The body is too large.', {
      code: 'payload_too_large',
      message: 'The body exceeds the limit of 102400 bytes.',
    }),
    Fails(415, 'The body is not sent as JSON.', {
      code: 'unsupported_media_type',
      message: 'The body must be JSON, sent with "Content-Type: application/json"; it was sent as "text/plain".',
    }),
  );

/** For routes whose requests are counted. */
export const FailsTooOften = (description: string) =>
  Fails(
    429,
    description,
    {
      code: 'refresh_limit_exceeded',
      message: 'Refresh limit exceeded',
      details: 'The project has used up its 5 requests per second.',
    },
    { ...limitHeaders, ...retryAfterHeader },
  );

export const FailsForCollection = () =>
  Fails(403, 'The collection belongs to another project, or is unknown.', {
    code: 'forbidden',
    message: 'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not a collection of this project.',
  });

export const FailsWithoutRefresh = () =>
  Fails(404, 'The project has no such refresh. A refresh of another project gets the same response.', {
    code: 'refresh_not_found',
    message: 'Refresh 6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21 does not exist.',
  });

export const FailsForReusedKey = () =>
  Fails(422, 'Another request was accepted with the `Idempotency-Key`.', {
    code: 'idempotency_key_reused',
    message:
      'A request with another body was accepted with the idempotency key "reveal-7". Send a new key with a new request.',
  });

export const DocumentsCreate = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Request a refresh',
      description:
        'Send `token_ids`, `tokens` or `all`. A refused request counts towards no limit. An id of `token_ids` that is not registered is accepted, and fails as `token_not_found`.',
      operationId: 'requestRefresh',
    }),
    DocumentsIdempotencyKey(),
    Responds(202, 'The refresh is accepted and will be processed.', receiptSchema, {
      headers: { ...limitHeaders, ...replayedHeader },
    }),
    FailsLikeAll(),
    FailsForCollection(),
    Fails(409, 'The project has 100 scheduled refreshes.', {
      code: 'scheduled_limit_reached',
      message: 'The project has 100 scheduled refreshes already. Cancel one, or wait until one begins.',
    }),
    FailsForReusedKey(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second, or more tokens than the quota has left.'),
  );

export const DocumentsList = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'List the project’s refreshes, newest first', operationId: 'listRefreshes' }),
    Responds(200, 'A page of refreshes.', refreshPageSchema),
    FailsLikeAll(),
  );

export const DocumentsGet = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'Read the status of a refresh', operationId: 'getRefresh' }),
    Responds(200, 'Status and counts.', refreshSchema),
    FailsLikeAll(),
    FailsWithoutRefresh(),
  );

export const DocumentsListErrors = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'List the tokens that failed in a refresh, and why',
      operationId: 'listRefreshErrors',
    }),
    Responds(200, 'A page of failed tokens, newest first.', refreshErrorPageSchema),
    FailsLikeAll(),
    FailsWithoutRefresh(),
  );

export const DocumentsLimits = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'Read the caller’s own limits', operationId: 'getLimits' }),
    Responds(200, 'The limits, and what is left of the quota. Reading them does not count.', limitsSchema, {
      headers: limitHeaders,
    }),
    FailsLikeAll(),
  );
