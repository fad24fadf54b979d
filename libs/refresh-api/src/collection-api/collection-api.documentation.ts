import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { Authenticated } from '../openapi/security.js';
import { Fails, FailsLikeAll, FailsTooOften, FailsWithBody } from '../project-api/project-api.documentation.js';
import {
  collectionPageSchema,
  collectionSchema,
  recordRequestSchema,
  registrationSchema,
} from './collection-api.responses.js';

const IsDocumented = () => applyDecorators(ApiTags('Collections'), Authenticated('projectApi'), FailsLikeAll());

const FailsWithoutCollection = () =>
  Fails(404, 'The project has no such collection. A collection of another project gets the same response.', {
    code: 'collection_not_found',
    message: 'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not a collection of this project.',
  });

const ChangesCollection = () =>
  applyDecorators(
    FailsWithoutCollection(),
    FailsWithBody(),
    FailsTooOften('Too many requests per second; requests for refreshes count too.'),
  );

export const DocumentsCollections = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'List the project’s collections, oldest first', operationId: 'listCollections' }),
    Responds(200, 'A page of collections.', collectionPageSchema),
  );

export const DocumentsCollection = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({ summary: 'Read a collection', operationId: 'getCollection' }),
    Responds(200, 'The collection, and how many tokens it has.', collectionSchema),
    FailsWithoutCollection(),
  );

export const DocumentsChangeCollection = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Change where a collection’s metadata comes from',
      description:
        'Takes effect with the next requested refresh. Send `metadata_url` for a collection with a Metadata API, `uri_rule` for one whose contract returns token URIs, or `push_policy`. Only an operator can change from one source to the other.',
      operationId: 'changeCollection',
    }),
    Responds(200, 'The collection as it is now.', collectionSchema),
    ChangesCollection(),
  );

export const DocumentsRefreshCollection = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Read the collection’s own metadata from its contract',
      description:
        'Reads `contractURI()` (ERC-7572) with its document, `name()`, `symbol()`, `owner()` and the standard, at most once a minute. `GET /v1/collections/{collection_address}/metadata` shows the record. Tokens are not refreshed.',
      operationId: 'refreshCollection',
    }),
    Responds(202, 'The contract will be read.', recordRequestSchema),
    Fails(400, 'This deployment has no RPC node of the collection’s chain.', {
      code: 'source_not_supported',
      message:
        'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is read from its contract on chain 1, for which this deployment has no RPC URL.',
    }),
    ChangesCollection(),
  );

export const DocumentsRegisterTokens = () =>
  applyDecorators(
    IsDocumented(),
    ApiOperation({
      summary: 'Register tokens of a collection',
      description:
        'Only registered tokens can be refreshed and shown. Registered tokens do not change, so a request can be repeated.',
      operationId: 'registerTokens',
    }),
    Responds(200, 'All tokens are registered.', registrationSchema),
    ChangesCollection(),
    Fails(409, 'The collection would hold more tokens than its project may register; none was registered.', {
      code: 'token_limit_reached',
      message: 'The collection may hold at most 1000000 tokens, and these would exceed it.',
    }),
  );
