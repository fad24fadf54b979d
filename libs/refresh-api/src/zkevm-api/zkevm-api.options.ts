import { z } from 'zod';
import { basePathSchema } from '../dialect.options.js';

export const zkevmApiOptions = z.object({
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
export type ZkevmApiConfig = z.output<typeof zkevmApiOptions>;

export const zkevmApiExtras = z.object({
  /**
   * The base path of the zkEVM API: `v1` gives `/v1/chains/…`, and the module then owns every path below `/v1/chains`. Its reads need
   * `exposeTokenRoutes`. Default: `false`, which turns it off.
   */
  zkevmApiPath: z.union([basePathSchema, z.literal(false)]).default(false),
});
export type ZkevmApiExtras = z.output<typeof zkevmApiExtras>;
