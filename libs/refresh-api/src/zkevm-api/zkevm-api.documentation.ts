import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { Responds } from '../openapi/documented-response.js';
import { IMMUTABLE_API_KEY } from './zkevm-api-key.js';
import {
  chainPageSchema,
  nftPageSchema,
  nftResultSchema,
  pushReceiptSchema,
  zkevmErrorSchema,
  type ZkevmErrorCode,
} from './zkevm-api.responses.js';

const header = (description: string, example: string) => ({
  description,
  schema: { type: 'string' as const, examples: [example] },
});

const traceHeader = { 'x-trace-id': header('The `trace_id` of the body.', 'f3b1c1c0-1f0a-4b6e-9d0f-0d9b3d2f1a11') };
const retryHeader = { 'retry-after': header('Seconds after which a request can succeed.', '1') };
export const limitHeaders = {
  'imx-refreshes-limit': header('Tokens in an hour.', '30000'),
  'imx-remaining-refreshes': header('Tokens left of the quota.', '29999'),
  'imx-refresh-limit-reset': header('When the quota is full again, RFC 3339.', '2024-04-16T11:06:07.401000Z'),
  ...retryHeader,
};

type Details =
  | { errors: { path: string; rule: string }[] }
  | { token_ids: string[] }
  | { metadata_ids: string[] }
  | Record<string, string>
  | null;

export const Fails = (
  status: number,
  description: string,
  [code, message, details = null]: [code: ZkevmErrorCode, message: string, details?: Details],
  headers = {},
) =>
  Responds(status, description, zkevmErrorSchema, {
    example: { code, message, link: 'about:blank', trace_id: 'f3b1c1c0-1f0a-4b6e-9d0f-0d9b3d2f1a11', details },
    headers: { ...traceHeader, ...headers },
  });

export const FailsLikeAll = () =>
  applyDecorators(
    Fails(500, 'An internal error.', [
      'INTERNAL_SERVER_ERROR',
      'The request failed because of an error in the service. The log has it by trace_id.',
    ]),
    Fails(
      503,
      'The service is temporarily unavailable.',
      ['SERVICE_UNAVAILABLE', 'The service cannot reach its database now. Try again in a moment.'],
      retryHeader,
    ),
  );

export const invalidParameter: [ZkevmErrorCode, string] = [
  'VALIDATION_ERROR',
  'contract_address must be 0x and 40 hex digits',
];
export const unknownCollection: [ZkevmErrorCode, string] = [
  'RESOURCE_NOT_FOUND',
  'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not registered.',
];

export const FailsAuthentication = () =>
  applyDecorators(
    Fails(401, 'The API key is missing or invalid.', [
      'UNAUTHORISED_REQUEST',
      'The API key in x-immutable-api-key is mistyped, unknown or revoked.',
    ]),
    Fails(403, 'The collection belongs to another project.', [
      'AUTHENTICATION_ERROR',
      'Collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not a collection of this project.',
    ]),
  );

/** For routes that read a body and count the request. */
export const FailsWithBody = () =>
  applyDecorators(
    Fails(413, 'The body is larger than 256 KiB.', ['VALIDATION_ERROR', 'The body exceeds the limit of 262144 bytes.']),
    Fails(415, 'The body is not sent as JSON.', [
      'VALIDATION_ERROR',
      'The body must be JSON, sent with "Content-Type: application/json"; it was sent as "text/plain".',
    ]),
    Fails(
      429,
      'Too many requests per second, or more tokens than the quota has left.',
      [
        'TOO_MANY_REQUESTS_ERROR',
        'The project has used up its 5 requests per second.',
        {
          imx_refreshes_limit: '30000',
          imx_remaining_refreshes: '29999',
          imx_refresh_limit_reset: '2024-04-16T11:06:07.401000Z',
          retry_after: '1',
        },
      ],
      limitHeaders,
    ),
  );

export const DocumentsPushNftMetadata = () =>
  applyDecorators(
    ApiTags('zkEVM API'),
    ApiSecurity(IMMUTABLE_API_KEY),
    ApiOperation({
      summary: 'Push the metadata of NFTs',
      description:
        'All items are written before the 202, or none is. Nothing is fetched. If a token is given twice, the later item counts.',
      operationId: 'RefreshNFTMetadataByTokenID',
    }),
    Responds(202, 'The metadata is written.', pushReceiptSchema, { headers: limitHeaders }),
    Fails(400, 'An item is invalid, or has nothing to show. Nothing is written.', [
      'VALIDATION_ERROR',
      'nft_metadata.0.youtube_url is missing: send null to take its value away',
      { errors: [{ path: '/nft_metadata/0/youtube_url', rule: 'is missing: send null to take its value away' }] },
    ]),
    FailsAuthentication(),
    Fails(404, 'The chain, the collection or a token is unknown. Nothing is written.', [
      'RESOURCE_NOT_FOUND',
      'Token 9 is not registered.',
      { token_ids: ['9'] },
    ]),
    FailsWithBody(),
    FailsLikeAll(),
  );

export const unknownChain: [ZkevmErrorCode, string] = [
  'RESOURCE_NOT_FOUND',
  'There is no chain "nope". Known: imtbl-zkevm-mainnet, imtbl-zkevm-testnet, and eip155:<chain id> for any.',
];

export const IsPublic = (operationId: string, summary: string) =>
  applyDecorators(ApiTags('zkEVM API'), ApiOperation({ summary, operationId, security: [] }), FailsLikeAll());

export const DocumentsNft = () =>
  applyDecorators(
    IsPublic('GetNFT', 'Read an NFT'),
    Responds(200, 'The NFT.', nftResultSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain, the collection or the token is unknown.', [
      'RESOURCE_NOT_FOUND',
      'Token 9 of collection 0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584 is not registered.',
    ]),
  );

export const DocumentsNfts = () =>
  applyDecorators(
    IsPublic('ListNFTs', 'List the NFTs of a collection, in the order of token ids'),
    Responds(200, 'A page of NFTs. It may be shorter than `page_size`, also if another page follows.', nftPageSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain or the collection is unknown.', unknownCollection),
  );

export const DocumentsNftsOnChain = () =>
  applyDecorators(
    IsPublic('ListAllNFTs', 'List the NFTs of all collections on a chain'),
    Responds(200, 'A page of NFTs. It may be shorter than `page_size`, also if another page follows.', nftPageSchema),
    Fails(400, 'A parameter is invalid.', invalidParameter),
    Fails(404, 'The chain is unknown.', unknownChain),
  );

export const DocumentsChains = () =>
  applyDecorators(
    IsPublic('ListChains', 'List the chains that have a name'),
    Responds(200, 'All of them.', chainPageSchema),
    Fails(405, 'Another method than GET.', ['VALIDATION_ERROR', 'Method POST is not allowed here. Allowed: GET.']),
  );
