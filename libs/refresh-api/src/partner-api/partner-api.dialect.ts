import type { BuiltInDialect, DialectMount } from '../dialect.js';
import { PartnerApiFallbackController, PartnerApiUnknownPathController } from './partner-api-fallback.controller.js';
import { PARTNER_PATH, PartnerApiController } from './partner-api.controller.js';
import { PartnerApiFilter } from './partner-api.filter.js';
import { partnerApiExtras, partnerApiOptions, type PartnerApiExtras } from './partner-api.options.js';

/** The wire format of Mavis Market's partner API. */
export const partnerApi = {
  title: 'partner API',
  wireFormat: 'Mavis Market',
  options: partnerApiOptions,
  extras: partnerApiExtras,
  filter: PartnerApiFilter,
  tags: [{ name: 'Partner API', description: 'Refreshes in the wire format of Mavis Market, with an API key.' }],

  mounts: ({ partnerApiPaths }: PartnerApiExtras): DialectMount[] =>
    partnerApiPaths.flatMap((basePath) => [
      { basePath, path: PARTNER_PATH, controllers: [PartnerApiController, PartnerApiFallbackController] },
      // A base path belongs to it alone.
      ...(basePath === '' ? [] : [{ basePath, path: '', controllers: [PartnerApiUnknownPathController] }]),
    ]),
} satisfies BuiltInDialect;
