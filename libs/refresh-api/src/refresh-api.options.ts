import { CREDENTIAL_KINDS, type CredentialKind } from '@app/project-auth';
import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const credentials = (standard: CredentialKind[]) =>
  z.array(z.enum(CREDENTIAL_KINDS)).min(1, { error: 'must name at least one way to authenticate' }).default(standard);

const refreshApiOptionsSchema = z.strictObject({
  /**
   * How callers of the project API authenticate.
   * @takesEffect each request
   */
  projectApiAuthentication: credentials(['wallet_signature', 'api_key']),
  /**
   * How callers of the partner API authenticate.
   * @takesEffect each request
   */
  partnerApiAuthentication: credentials(['api_key']),
  /**
   * The maximum number of token ids in one request of the partner API. A project with a smaller limit of its own keeps it. The public page
   * promises 100. 0 blocks every request.
   * @takesEffect each request
   */
  partnerTokensPerRequest: z.int().min(0).default(100),
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
  /**
   * Names for chains in the paths of the zkEVM API, with the ids of the chains, such as `{ ethereum: 1 }`. The two public chains of
   * Immutable zkEVM always have their names, and `eip155:<id>` names any chain.
   * @takesEffect start
   */
  chainNames: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, { error: 'must be of lower-case letters, digits, "-" and "_"' }),
      z.int().min(1),
    )
    .default({}),
  /**
   * What happens if a pushed item lacks one of the seven fields that the public specification requires. `reject` refuses the request and
   * names the missing fields. `keep` does not change these fields of the record, for clients that cannot send null.
   * @takesEffect each request
   */
  missingKeys: z.enum(['reject', 'keep']).default('reject'),
});

/** The options of the module. */
export type RefreshApiOptions = z.input<typeof refreshApiOptionsSchema>;
/** The complete options, as injected. */
export type RefreshApiConfig = z.output<typeof refreshApiOptionsSchema>;
export const REFRESH_API_CONFIG = Symbol('RefreshApiConfig');

/** The extras of the module: the dialects that exist, and their paths. */
export interface RefreshApiExtras {
  /** The base path of the project API: `v1` gives `/v1/metadata-refreshes`. `false` turns the project API off. */
  projectApiPath?: string | false;
  /**
   * Whether the module owns every path below `projectApiPath`: an unknown path there then gets a 404 in its error
   * shape. Default: false, because your application may have its own routes below `v1`.
   */
  ownsProjectApiPath?: boolean;
  /** The base paths of the partner API: `''` gives `/collections/…`. An empty list turns the partner API off. */
  partnerApiPaths?: readonly string[];
  /**
   * The base path of the zkEVM API: `v1` gives `/v1/chains/…`, and the module then owns every path below `/v1/chains`. Its reads need
   * `exposeTokenRoutes`. Default: `false`, which turns it off.
   */
  zkevmApiPath?: string | false;
  /**
   * Whether anyone can read token records and traits below the project API's path. Default: false, because this reveals
   * which collections are registered.
   */
  exposeTokenRoutes?: boolean;
  /**
   * Whether a project can read and change its collections and register their tokens, below the project API's path.
   * Default: false.
   */
  exposeCollectionRoutes?: boolean;
  /**
   * Whether a project can manage its webhooks, below the project API's path. Needs MetadataEventsModule. Default:
   * false.
   */
  exposeWebhookRoutes?: boolean;
  /**
   * Class decorators that are put on our controllers, for example to exclude them from your global guards and
   * interceptors.
   */
  decorators?: readonly ClassDecorator[];
}
export const REFRESH_API_PATHS = Symbol('RefreshApiPaths');
export const standardExtras: Required<RefreshApiExtras> = {
  projectApiPath: 'v1',
  ownsProjectApiPath: false,
  partnerApiPaths: ['', 'mavis-market-partner'],
  zkevmApiPath: false,
  exposeTokenRoutes: false,
  exposeCollectionRoutes: false,
  exposeWebhookRoutes: false,
  decorators: [],
};

/** Names, limits and defaults of the options. */
export const refreshApiOptions = new ModuleOptions('RefreshApiModule', refreshApiOptionsSchema);

const pathSchema = z
  .string()
  .regex(/^[a-z0-9/_-]*$/i, { error: 'must be a path of letters, digits, "-", "_" and "/", such as "v1"' })
  .transform((path) => path.split('/').filter(Boolean).join('/'));

const extrasSchema = z.object({
  projectApiPath: z.union([pathSchema, z.literal(false)]).default(standardExtras.projectApiPath),
  ownsProjectApiPath: z.boolean().default(standardExtras.ownsProjectApiPath),
  partnerApiPaths: z.array(pathSchema).default([...standardExtras.partnerApiPaths]),
  zkevmApiPath: z.union([pathSchema, z.literal(false)]).default(standardExtras.zkevmApiPath),
  exposeTokenRoutes: z.boolean().default(standardExtras.exposeTokenRoutes),
  exposeCollectionRoutes: z.boolean().default(standardExtras.exposeCollectionRoutes),
  exposeWebhookRoutes: z.boolean().default(standardExtras.exposeWebhookRoutes),
  decorators: z
    .array(z.custom<ClassDecorator>((value) => typeof value === 'function', 'must be a class decorator'))
    .default([]),
});

/** Removes slashes around paths. Throws an Error that names each wrong one. */
export function completePaths(extras: RefreshApiExtras): Required<RefreshApiExtras> {
  const result = extrasSchema.safeParse(extras);
  if (!result.success) throw new Error(`RefreshApiModule: wrong options.\n${z.prettifyError(result.error)}`);
  return result.data;
}
