import { z } from 'zod';
import { acceptedCredentialsSchema, basePathSchema } from '../dialect.options.js';

export const partnerApiOptions = z.object({
  /**
   * How callers of the partner API authenticate.
   * @takesEffect each request
   */
  partnerApiAuthentication: acceptedCredentialsSchema(['api_key']),
  /**
   * The maximum number of token ids in one request of the partner API. A project with a smaller limit of its own keeps it. The public page
   * promises 100. 0 blocks every request.
   * @takesEffect each request
   */
  partnerTokensPerRequest: z.int().min(0).default(100),
});
export type PartnerApiConfig = z.output<typeof partnerApiOptions>;

export const partnerApiExtras = z.object({
  /** The base paths of the partner API: `''` gives `/collections/…`. An empty list turns the partner API off. */
  partnerApiPaths: z.array(basePathSchema).readonly().default(['', 'mavis-market-partner']),
});
export type PartnerApiExtras = z.output<typeof partnerApiExtras>;
