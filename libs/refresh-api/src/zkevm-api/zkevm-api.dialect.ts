import type { BuiltInDialect, DialectMount, SharedExtras } from '../dialect.js';
import { apiKeyIn } from '../openapi/security.js';
import { ChainNames } from './chain-names.js';
import { ChainsController } from './chains.controller.js';
import { CollectionItems } from './collection-items.js';
import { CollectionPages } from './collection-pages.js';
import { ZkevmCollectionsController } from './collections.controller.js';
import { MetadataController } from './metadata.controller.js';
import { NftPages } from './nft-pages.js';
import { NftsController } from './nfts.controller.js';
import { PushController } from './push.controller.js';
import { StackPages } from './stack-pages.js';
import {
  NftsFallbackController,
  PushFallbackController,
  ZkevmUnknownPathController,
} from './zkevm-api-fallback.controller.js';
import { IMMUTABLE_API_KEY, ZKEVM_KEY_HEADER } from './zkevm-api-key.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';
import { zkevmApiExtras, zkevmApiOptions, type ZkevmApiExtras } from './zkevm-api.options.js';

const CHAINS_PATH = 'chains';

/** Of the body of a push: the public format allows 228 KiB for the list in it. */
const MAX_PUSH_BYTES = 256 * 1024;

/** The wire format of Immutable zkEVM. */
export const zkevmApi = {
  title: 'zkEVM API',
  wireFormat: 'Immutable zkEVM',
  options: zkevmApiOptions,
  extras: zkevmApiExtras,
  filter: ZkevmApiFilter,
  providers: [ChainNames, CollectionItems, NftPages, StackPages, CollectionPages],
  tags: [
    { name: 'zkEVM API', description: 'Metadata that is pushed, and reads, in the wire format of Immutable zkEVM.' },
  ],
  securitySchemes: {
    [IMMUTABLE_API_KEY]: apiKeyIn(ZKEVM_KEY_HEADER),
  },

  mounts({ zkevmApiPath: basePath, exposeTokenRoutes }: ZkevmApiExtras & SharedExtras): DialectMount[] {
    if (basePath === false) return [];
    const pushes = [PushController, PushFallbackController];
    const reads = [
      ChainsController,
      NftsController,
      MetadataController,
      ZkevmCollectionsController,
      NftsFallbackController,
    ];
    return [
      { basePath, path: CHAINS_PATH, controllers: pushes, maxBodyBytes: MAX_PUSH_BYTES },
      ...(exposeTokenRoutes ? [{ basePath, path: CHAINS_PATH, controllers: reads }] : []),
      { basePath, path: CHAINS_PATH, controllers: [ZkevmUnknownPathController] },
    ];
  },
} satisfies BuiltInDialect;
