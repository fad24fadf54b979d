import { z } from 'zod';
import { basePathSchema } from '../base-path.schema.js';

export const zkevmApiOptions = z.object({
  /**
   * Names of chains in the paths of the zkEVM API, and their ids, such as `{ ethereum: 1 }`. The two public chains of Immutable
   * zkEVM have their names anyway, and `eip155:<id>` names any chain.
   * @takesEffect start
   */
  chainNames: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, { error: 'must be of lower-case letters, digits, "-" and "_"' }),
      z.int().min(1),
    )
    .default({}),
  /**
   * What a field that a pushed item does not have means. The public specification requires all seven: `reject` refuses the request,
   * and names them. `keep` leaves those fields of the record as they are, for clients that cannot send null.
   * @takesEffect each request
   */
  missingKeys: z.enum(['reject', 'keep']).default('reject'),
});
export type ZkevmApiConfig = z.output<typeof zkevmApiOptions>;

export const zkevmApiExtras = z.object({
  /**
   * The base path of the zkEVM API: `v1` gives `/v1/chains/…`, of which it takes every path. Its reads need `exposeTokenRoutes`.
   * Default: `false`, which turns it off.
   */
  zkevmApiPath: z.union([basePathSchema, z.literal(false)]).default(false),
});
export type ZkevmApiExtras = z.output<typeof zkevmApiExtras>;
