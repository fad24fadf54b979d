import { fallbackController } from '../fallback-controller.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';

const COLLECTION = ':chain_name/collections/:contract_address';

/** Other methods on the path of a push. Mount it before the reads, for which `refresh-metadata` would be an id. */
export const PushFallbackController = fallbackController('PushFallbackController', ZkevmApiFilter, {
  methods: {
    [`${COLLECTION}/nfts/refresh-metadata`]: 'POST',
    [`${COLLECTION}/metadata/refresh-metadata`]: 'POST',
    [`${COLLECTION}/refresh-metadata`]: 'POST',
  },
});

/** Other methods on the paths of the reads. */
export const NftsFallbackController = fallbackController('NftsFallbackController', ZkevmApiFilter, {
  methods: {
    '': 'GET',
    ':chain_name/nfts': 'GET',
    ':chain_name/metadata': 'GET',
    ':chain_name/stacks': 'GET',
    ':chain_name/collections': 'GET',
    ':chain_name/search/filters/:contract_address': 'GET',
    [COLLECTION]: 'GET',
    [`${COLLECTION}/nfts`]: 'GET',
    [`${COLLECTION}/nfts/:token_id`]: 'GET',
    [`${COLLECTION}/metadata`]: 'GET',
    [`${COLLECTION}/metadata/:metadata_id`]: 'GET',
  },
});

/** Every other path below that of the chains. Mount it last. */
export const ZkevmUnknownPathController = fallbackController('ZkevmUnknownPathController', ZkevmApiFilter, {
  unknownPaths: ['', '*path'],
});
