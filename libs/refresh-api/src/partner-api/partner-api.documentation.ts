import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { DocumentsIdempotencyKey, replayedHeader } from '../idempotency-key.js';
import { Responds, retryAfterHeader } from '../openapi/documented-response.js';
import { Authenticated } from '../openapi/security.js';
import { initiatedSchema, partnerErrorSchema } from './partner-api.responses.js';

const Fails = (status: number, description: string, example: z.output<typeof partnerErrorSchema>, headers = {}) =>
  Responds(status, description, partnerErrorSchema, { example, headers });

export const DocumentsRefreshMetadata = () =>
  applyDecorators(
    ApiTags('Partner API'),
    Authenticated('partnerApi'),
    ApiOperation({
      summary: 'Request a refresh',
      description: 'All or nothing: if a token is not registered, the request is refused and nothing is queued.',
    }),
    DocumentsIdempotencyKey(),
    Responds(200, 'The refresh is accepted and will be processed.', initiatedSchema, { headers: replayedHeader }),
    Fails(400, 'A token or the collection is unknown, there are too many ids, or a field is invalid.', {
      message: 'Token not found',
      token_ids: ['7'],
    }),
    Fails(401, 'The API key is missing or invalid.', { message: 'Invalid authentication credentials' }),
    Fails(403, 'The collection belongs to another project.', { message: 'You cannot consume this service' }),
    Fails(413, 'The body is too large.', { message: 'The body exceeds the limit of 102400 bytes.' }),
    Fails(415, 'The body is not sent as JSON.', {
      message: 'The body must be JSON, sent with "Content-Type: application/json"; it was sent as "text/plain".',
    }),
    Fails(422, 'Another request was accepted with the `Idempotency-Key`.', {
      message:
        'A request with another body was accepted with the idempotency key "drop-7". Send a new key with a new request.',
    }),
    Fails(
      429,
      'Too many requests per second, or more tokens than the quota has left.',
      { message: 'API rate limit exceeded' },
      retryAfterHeader,
    ),
    Fails(500, 'An internal error.', { message: 'An unexpected error occurred' }),
    Fails(
      503,
      'The service is temporarily unavailable.',
      { message: 'The service is not available now' },
      retryAfterHeader,
    ),
  );
