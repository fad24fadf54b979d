import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Responds } from '../openapi/documented-response.js';
import { IMMUTABLE_API_KEY } from './zkevm-api-key.js';
import {
  Fails,
  FailsAuthentication,
  FailsLikeAll,
  FailsWithBody,
  invalidParameter,
  IsPublic,
  limitHeaders,
  unknownChain,
  unknownCollection,
} from './zkevm-api.documentation.js';
import {
  metadataPageSchema,
  metadataResultSchema,
  pushReceiptSchema,
  stackBundleSchema,
} from './zkevm-api.responses.js';

const UNKNOWN_ID = '018cf196-26da-1028-707e-3bb23550992b';

export const DocumentsPushStacks = () =>
  applyDecorators(
    ApiTags('zkEVM API'),
    ApiSecurity(IMMUTABLE_API_KEY),
    ApiOperation({
      summary: 'Push the metadata of stacks',
      description:
        'Writes the metadata for all NFTs that have these metadata ids, up to 100,000, before the 202, or for none. The ids do not change. Each id counts as one token of the quota.',
      operationId: 'RefreshMetadataByID',
    }),
    Responds(202, 'The metadata is written.', pushReceiptSchema, { headers: limitHeaders }),
    Fails(400, 'An item is invalid, or has nothing to show, or too many NFTs have the ids. Nothing is written.', [
      'VALIDATION_ERROR',
      'metadata.0.metadata_id must be a UUID, such as 018cf196-26da-1028-707e-3bb23550992b',
      {
        errors: [
          {
            path: '/metadata/0/metadata_id',
            rule: 'must be a UUID, such as 018cf196-26da-1028-707e-3bb23550992b',
          },
        ],
      },
    ]),
    FailsAuthentication(),
    Fails(404, 'The chain, the collection or a metadata id is unknown. Nothing is written.', [
      'RESOURCE_NOT_FOUND',
      `No token of the collection has the metadata id ${UNKNOWN_ID}.`,
      { metadata_ids: [UNKNOWN_ID] },
    ]),
    FailsWithBody(),
    FailsLikeAll(),
  );

export const DocumentsMetadata = () =>
  applyDecorators(
    IsPublic('GetMetadata', 'Read the metadata of a stack'),
    Responds(200, 'The metadata.', metadataResultSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain, the collection or the metadata id is unknown.', [
      'RESOURCE_NOT_FOUND',
      `No token of the collection has the metadata id ${UNKNOWN_ID}.`,
      { metadata_ids: [UNKNOWN_ID] },
    ]),
  );

const aPage = 'A page of metadata. It may be shorter than `page_size`, also if another page follows.';

export const DocumentsMetadataList = () =>
  applyDecorators(
    IsPublic('ListMetadata', 'List the metadata of a collection that NFTs share, in the order of metadata ids'),
    Responds(200, aPage, metadataPageSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain or the collection is unknown.', unknownCollection),
  );

export const DocumentsMetadataOnChain = () =>
  applyDecorators(
    IsPublic('ListMetadataForChain', 'List the metadata of all collections on a chain'),
    Responds(200, aPage, metadataPageSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain is unknown.', unknownChain),
  );

export const DocumentsStacks = () =>
  applyDecorators(
    IsPublic('ListStacks', 'Read stacks with the number of their NFTs'),
    Responds(200, 'Those of the stacks that have NFTs on the chain.', z.array(stackBundleSchema)),
    Fails(400, 'A parameter is invalid.', [
      'VALIDATION_ERROR',
      'stack_id must be 1 to 20 metadata ids, each in a parameter of its own',
    ]),
    Fails(404, 'The chain is unknown.', unknownChain),
  );
