import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { IMMUTABLE_API_KEY } from './zkevm-api-key.js';
import {
  Fails,
  FailsAuthentication,
  FailsLikeAll,
  FailsWithBody,
  invalidParameter,
  IsPublic,
  unknownChain,
  unknownCollection,
} from './zkevm-api.documentation.js';
import {
  collectionPageSchema,
  collectionResultSchema,
  filtersSchema,
  pushedCollectionSchema,
} from './zkevm-api.responses.js';

export const DocumentsPushCollection = () =>
  applyDecorators(
    ApiTags('zkEVM API'),
    ApiSecurity(IMMUTABLE_API_KEY),
    ApiOperation({
      summary: 'Push the metadata of a collection',
      description: 'It is shown with the collection, and changes nothing about its tokens.',
      operationId: 'RefreshCollectionMetadata',
    }),
    Responds(200, 'It is written.', pushedCollectionSchema),
    Fails(400, 'A field is missing or invalid.', [
      'VALIDATION_ERROR',
      'collection_metadata.symbol is missing: send null for no value',
      { errors: [{ path: '/collection_metadata/symbol', rule: 'is missing: send null for no value' }] },
    ]),
    FailsAuthentication(),
    Fails(404, 'The chain or the collection is unknown.', unknownCollection),
    FailsWithBody(),
    FailsLikeAll(),
  );

export const DocumentsCollection = () =>
  applyDecorators(
    IsPublic('GetCollection', 'Read a collection'),
    Responds(200, 'The collection.', collectionResultSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain or the collection is unknown.', unknownCollection),
  );

export const DocumentsCollections = () =>
  applyDecorators(
    IsPublic('ListCollections', 'List the collections on a chain'),
    Responds(200, 'A page of collections.', collectionPageSchema),
    Fails(400, 'A parameter is invalid.', ['VALIDATION_ERROR', 'page_size must be a whole number from 1 to 200']),
    Fails(404, 'The chain is unknown.', unknownChain),
  );

export const DocumentsFilters = () =>
  applyDecorators(
    IsPublic('ListFilters', 'List the traits of a collection with the number of NFTs that have each value'),
    Responds(200, 'All traits, in one page.', filtersSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain or the collection is unknown.', unknownCollection),
  );
