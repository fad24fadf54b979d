import type { Dialect } from '@app/refresh-api';
import { AcmeController, AcmeFallbackController, GREETING } from './acme-api.controllers.js';
import { AcmeApiFilter } from './acme-api.filter.js';

/** A small wire format of a host application, in the same folder as all of it. */
export const acmeApi: Dialect = {
  title: 'Acme API',
  wireFormat: 'Acme',
  filter: AcmeApiFilter,
  providers: [{ provide: GREETING, useValue: 'Ahoy' }],
  tags: [{ name: 'Acme API', description: 'Refreshes in the wire format of Acme.' }],
  securitySchemes: { acmeKey: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
  mounts: () => [
    {
      basePath: 'acme',
      path: 'drops',
      controllers: [AcmeController, AcmeFallbackController],
      maxBodyBytes: 2 * 1024 * 1024,
    },
  ],
  ownedPath: () => 'acme',
};
