import { fallbackController } from '../fallback-controller.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';

/** Paths below a collection belong to other APIs, so there are no unknown ones here. */
export const CollectionApiFallbackController = fallbackController('CollectionApiFallbackController', ProjectApiFilter, {
  methods: {
    '': 'GET',
    ':collection_address': 'GET, PATCH',
    ':collection_address/refresh': 'POST',
    ':collection_address/tokens': 'POST',
  },
});
