import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Responds, entityTagHeader, retryAfterHeader } from '../openapi/documented-response.js';
import { Authenticated } from '../openapi/security.js';
import { Fails } from '../project-api/project-api.documentation.js';
import { attemptPageSchema, collectionRecordSchema, tokenSchema, traitsSchema } from './token-api.responses.js';

export const FailsLikeAll = () =>
  applyDecorators(
    Fails(400, 'An address, an id or a parameter is invalid, or the address is registered on several chains.', {
      code: 'input_validation_failed',
      message: 'token_id must be a decimal uint256: digits only, no leading zero, below 2^256',
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

export const FailsAsUnauthorized = () =>
  Fails(401, 'Not authenticated.', {
    code: 'unauthorized',
    message: 'The API key in x-api-key is mistyped, unknown or revoked.',
    details: 'invalid_api_key',
  });

export const FailsAsNotOwned = () =>
  Fails(403, 'The collection belongs to another project, or is unknown.', {
    code: 'forbidden',
    message: 'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not a collection of this project.',
  });

const TokenUnknown = () =>
  Fails(404, 'The collection or the token is not registered.', {
    code: 'token_not_found',
    message: 'Token 7 of collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not registered.',
  });

export const DocumentsToken = () =>
  applyDecorators(
    ApiTags('Tokens'),
    ApiOperation({ summary: 'Read a token with its current metadata', operationId: 'getToken', security: [] }),
    Responds(200, 'The token record.', tokenSchema, { headers: entityTagHeader }),
    Responds(304, 'The content has not changed since the ETag that was sent.'),
    FailsLikeAll(),
    TokenUnknown(),
  );

const CollectionUnknown = () =>
  Fails(404, 'The collection is not registered.', {
    code: 'collection_not_found',
    message: 'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not registered.',
  });

export const DocumentsCollectionRecord = () =>
  applyDecorators(
    ApiTags('Tokens'),
    ApiOperation({
      summary: 'Read the record of the collection itself: name, images, owner',
      operationId: 'getCollectionRecord',
      security: [],
    }),
    Responds(200, 'The record of the collection.', collectionRecordSchema, { headers: entityTagHeader }),
    Responds(304, 'The content has not changed since the ETag that was sent.'),
    FailsLikeAll(),
    CollectionUnknown(),
  );

export const DocumentsTraits = () =>
  applyDecorators(
    ApiTags('Tokens'),
    ApiOperation({
      summary: 'List the traits of a collection with counts and numeric ranges',
      operationId: 'listTraits',
      security: [],
    }),
    Responds(200, 'The traits that tokens have now.', traitsSchema, { headers: entityTagHeader }),
    Responds(304, 'The content has not changed since the ETag that was sent.'),
    FailsLikeAll(),
    CollectionUnknown(),
  );

export const DocumentsAttempts = () =>
  applyDecorators(
    ApiTags('Tokens'),
    Authenticated('projectApi'),
    ApiOperation({
      summary: 'List the attempts to fetch a token, newest first',
      description: 'Attempts are kept for a week by default.',
      operationId: 'listAttempts',
    }),
    Responds(200, 'A page of attempts.', attemptPageSchema),
    FailsLikeAll(),
    FailsAsUnauthorized(),
    FailsAsNotOwned(),
    TokenUnknown(),
  );
