import { z } from 'zod';
import { acceptedCredentialsSchema, basePathSchema } from '../dialect.options.js';

export const projectApiOptions = z.object({
  /**
   * How callers of the project API authenticate.
   * @takesEffect each request
   */
  projectApiAuthentication: acceptedCredentialsSchema(['wallet_signature', 'api_key']),
  /**
   * The maximum number of token ids that one request of the project API registers. 1,000 ids of any size fit in a body of 100 KB.
   * @takesEffect each request
   */
  registeredTokensPerRequest: z.int().min(1).max(10_000).default(1000),
  /**
   * A project cannot register more tokens over HTTP once its collection has this many. Operators and the host application
   * can register any number.
   * @takesEffect each request
   */
  tokensPerCollection: z.int().min(0).default(1_000_000),
  /**
   * The maximum number of webhooks that a project can create over HTTP. Operators can create any number.
   * @takesEffect each request
   */
  webhooksPerProject: z.int().min(0).default(10),
});
export type ProjectApiConfig = z.output<typeof projectApiOptions>;

export const projectApiExtras = z.object({
  /** The base path of the project API: `v1` gives `/v1/metadata-refreshes`. `false` turns the project API off. */
  projectApiPath: z.union([basePathSchema, z.literal(false)]).default('v1'),
  /**
   * Whether the module owns every path below `projectApiPath`: an unknown path there then gets a 404 in its error
   * shape. Default: false, because your application may have its own routes below `v1`.
   */
  ownsProjectApiPath: z.boolean().default(false),
  /**
   * Whether a project can read and change its collections and register their tokens, below the project API's path.
   * Default: false.
   */
  exposeCollectionRoutes: z.boolean().default(false),
  /**
   * Whether a project can manage its webhooks, below the project API's path. Needs MetadataEventsModule. Default:
   * false.
   */
  exposeWebhookRoutes: z.boolean().default(false),
});
export type ProjectApiExtras = z.output<typeof projectApiExtras>;
