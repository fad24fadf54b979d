import { fallbackController } from '../fallback-controller.js';
import { PartnerApiFilter } from './partner-api.filter.js';

/** Other methods than POST on the path of the partner API, and paths below it. */
export const PartnerApiFallbackController = fallbackController('PartnerApiFallbackController', PartnerApiFilter, {
  methods: { '': 'POST' },
  unknownPaths: ['*path'],
});

/** Everything below a base path that belongs to the partner API alone. */
export const PartnerApiUnknownPathController = fallbackController('PartnerApiUnknownPathController', PartnerApiFilter, {
  unknownPaths: ['*path'],
});
