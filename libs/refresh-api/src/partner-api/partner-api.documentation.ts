import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
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
      summary: 'Ask for a refresh',
      description: 'All or nothing: a token that is not registered refuses the request, and nothing is queued.',
    }),
    Responds(200, 'The refresh is accepted and will be processed.', initiatedSchema),
    Fails(400, 'A token or the collection is not known, too many ids, or not of the form.', {
      message: 'Token not found',
      token_ids: ['7'],
    }),
    Fails(401, 'No working API key.', { message: 'Invalid authentication credentials' }),
    Fails(403, 'The collection is another project’s.', { message: 'You cannot consume this service' }),
    Fails(413, 'The body is too large.', { message: 'The body is larger than is read here, which is 102400 bytes.' }),
    Fails(415, 'The body is not sent as JSON.', {
      message: 'The body has to be JSON, sent with "Content-Type: application/json"; it is sent as "text/plain".',
    }),
    Fails(
      429,
      'Too many requests a second, or more tokens than are left in the hour.',
      { message: 'API rate limit exceeded' },
      retryAfterHeader,
    ),
    Fails(500, 'An error in the service.', { message: 'An unexpected error occurred' }),
    Fails(
      503,
      'The service is temporarily unavailable.',
      { message: 'The service is not available now' },
      retryAfterHeader,
    ),
  );
